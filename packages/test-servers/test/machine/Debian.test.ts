import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { poll } from "../../src/machine/Poll.ts"
import { isAlive, runFixture } from "../fixtures/Support.ts"

const onDebian = existsSync("/etc/debian_version") && existsSync("/usr/bin/apt-get")

let directory: string
let policy: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "cache-locking-debian-"))
  policy = join(directory, "policy-rc.d")
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

const fake = (name: string, script: string) => {
  writeFileSync(join(directory, name), `#!/bin/sh\ncd "${directory}"\n${script}\n`)
  chmodSync(join(directory, name), 0o755)
}

const journal = () => (existsSync(join(directory, "journal")) ? readFileSync(join(directory, "journal"), "utf8") : "")

/** An apt-get that knows no package until `update`, is slow, and records its calls. */
const fakeDebian = () => {
  fake("dpkg-query", `[ -e installed ] && echo installed || exit 1`)
  fake(
    "apt-get",
    `case "$1" in
       update) echo update >> journal; touch updated ;;
       install)
         [ -e updated ] || exit 100
         [ -x policy-rc.d ] && ! ./policy-rc.d thing start && echo guarded >> journal
         mkdir busy || echo clash >> journal
         sleep 0.3
         rmdir busy
         echo install >> journal; touch installed ;;
     esac`
  )
  return { PATH: `${directory}${delimiter}${process.env.PATH}` }
}

describe.skipIf(!onDebian)("installing", () => {
  it("happens once, however many processes ask at once", async () => {
    const env = fakeDebian()
    const asking = [1, 2, 3].map(() => runFixture("install.ts", [policy, directory, "thing"], env))
    expect(await Promise.all(asking.map(({ ended }) => ended))).toEqual([0, 0, 0])
    expect(journal()).toBe("update\nguarded\ninstall\n")
    expect(existsSync(policy)).toBe(false)
  })

  it("leaves an administrator's policy-rc.d as it was", async () => {
    const env = fakeDebian()
    writeFileSync(policy, "#!/bin/sh\nexit 101 # mine\n", { mode: 0o755 })
    expect(await runFixture("install.ts", [policy, directory, "thing"], env).ended).toBe(0)
    expect(readFileSync(policy, "utf8")).toContain("mine")
    expect(journal()).toContain("guarded")
  })

  it("comes to a tidy end when the process that asked is killed", async () => {
    const env = fakeDebian()
    const { child, ended } = runFixture("install.ts", [policy, directory, "thing"], env)
    await poll(() => existsSync(join(directory, "busy")), { what: "the installation to be under way" })
    expect(existsSync(policy)).toBe(true)
    child.kill("SIGKILL")
    await ended
    await poll(() => journal().includes("install\n") && !existsSync(policy), { what: "the tidy end" })
  })

  it("takes away what a run without a tidy end left behind", async () => {
    const env = fakeDebian()
    writeFileSync(policy, "#!/bin/sh\n# cache-locking test-servers\nexit 101\n", { mode: 0o755 })
    expect(await runFixture("install.ts", [policy, directory, "thing"], env).ended).toBe(0)
    expect(existsSync(policy)).toBe(false)
  })

  it("removes policy-rc.d also when it fails, and says why", async () => {
    fake("dpkg-query", "exit 1")
    fake("apt-get", `echo "E: no network" >&2; exit 100`)
    const env = { PATH: `${directory}${delimiter}${process.env.PATH}` }
    expect(await runFixture("install.ts", [policy, directory, "thing"], env).ended).toBe(1)
    expect(existsSync(policy)).toBe(false)
  })
})

describe.skipIf(!onDebian)("unpacking", () => {
  it("happens once and whole, however many processes ask at once", async (context) => {
    const env = { XDG_CACHE_HOME: directory, PATH: process.env.PATH ?? "" }
    const asking = [1, 2].map(() => runFixture("unpack.ts", ["some", "memcached", "memcached"], env))
    const codes = await Promise.all(asking.map(({ ended }) => ended))
    if (codes.every((code) => code !== 0)) context.skip("Debian's archive is not within reach")
    expect(codes).toEqual([0, 0])
    const expected = join(directory, "cache-locking", "test-servers", "some", "usr", "bin", "memcached")
    expect(asking.map(({ output }) => output().trim())).toEqual([expected, expected])
    expect(existsSync(expected)).toBe(true)
    expect(asking.every(({ child }) => !isAlive(child.pid ?? 0))).toBe(true)
  })
})
