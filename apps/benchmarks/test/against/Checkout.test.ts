import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { Checkouts } from "../../src/against/Checkout.ts"

const repository = async () => {
  const folder = await mkdtemp(join(tmpdir(), "benchmarks-repository-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const git = (...args: ReadonlyArray<string>): string => execFileSync("git", args, { cwd: folder, encoding: "utf8" })
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text)
  git("init", "--quiet")
  git("config", "user.name", "somebody")
  git("config", "user.email", "somebody@example.org")
  mkdirSync(join(folder, "src"))
  write(".gitignore", "dist/\n")
  write("src/a.ts", "committed")
  git("add", "--all")
  git("commit", "--quiet", "--message", "first")
  return { folder, git, write }
}

it("writes a commit, and the working tree with all that is not ignored", async () => {
  const { folder, git, write } = await repository()
  write("src/a.ts", "changed")
  write("src/b.ts", "new")
  mkdirSync(join(folder, "dist"))
  write("dist/a.js", "built")
  const status = git("status", "--porcelain")

  using checkouts = new Checkouts(folder)
  const old = await checkouts.write("old", "HEAD")
  const now = await checkouts.write("new", undefined)

  expect(readdirSync(join(old, "src"))).toEqual(["a.ts"])
  expect(readFileSync(join(old, "src/a.ts"), "utf8")).toBe("committed")
  expect(readdirSync(now).toSorted()).toEqual([".gitignore", "src"])
  expect(readdirSync(join(now, "src")).toSorted()).toEqual(["a.ts", "b.ts"])
  expect(readFileSync(join(now, "src/a.ts"), "utf8")).toBe("changed")
  expect(git("status", "--porcelain")).toBe(status)
})

it("refuses a name that is no commit, and leaves nothing behind", async () => {
  const { folder } = await repository()
  const checkouts = new Checkouts(folder)
  await expect(checkouts.write("old", "no-such-commit")).rejects.toThrow("no-such-commit")
  const old = await checkouts.write("old", "HEAD")
  checkouts[Symbol.dispose]()
  expect(existsSync(old)).toBe(false)
})
