import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { readImports } from "../deps/Imports.ts"

/** The check is only worth its step in CI if each kind of wrong import really fails it. */
describe("the check of imports", () => {
  let root: string

  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }

  /** A package as pnpm installs it: each declared package is a link in its own `node_modules`. */
  const workspace = (name: string, peers: ReadonlyArray<string> = [], development: ReadonlyArray<string> = []) => {
    const declared = (names: ReadonlyArray<string>) =>
      Object.fromEntries(names.map((each) => [`@cache-locking/${each}`, "*"]))
    const manifest = {
      name: `@cache-locking/${name}`,
      exports: { ".": { "cache-locking-source": "./src/index.ts" } },
      peerDependencies: { effect: "*", ...declared(peers) },
      devDependencies: declared(development)
    }
    write(`packages/${name}/package.json`, JSON.stringify(manifest))
    const scope = join(root, `packages/${name}/node_modules/@cache-locking`)
    mkdirSync(scope, { recursive: true })
    for (const each of [...peers, ...development]) symlinkSync(join(root, "packages", each), join(scope, each))
  }

  const violations = async () => (await readImports(root)).violations

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "deps-"))
    write("node_modules/effect/package.json", JSON.stringify({ name: "effect", exports: { "./*": "./*.js" } }))
    write("node_modules/effect/Effect.js", "export {}")
    write("node_modules/ioredis/package.json", JSON.stringify({ name: "ioredis", exports: "./index.js" }))
    write("node_modules/ioredis/index.js", "export {}")
    for (const folder of ["apps", "examples"]) mkdirSync(join(root, folder))
    workspace("core")
    write("packages/core/src/index.ts", `export * from "./flight/Lease.ts"`)
    write(
      "packages/core/src/flight/Lease.ts",
      `import type { Adapter } from "../contract/Adapter.ts"\nexport type Lease = Adapter`
    )
    write(
      "packages/core/src/contract/Entry.ts",
      `import type { Adapter } from "./Adapter.ts"\nexport type Entry = Adapter`
    )
    write(
      "packages/core/src/contract/Adapter.ts",
      `import type * as Effect from "effect/Effect"\nexport type Adapter = Effect.Effect<void>`
    )
    workspace("conformance-kit", ["core"])
    write("packages/conformance-kit/src/index.ts", `export type { Lease } from "@cache-locking/core"`)
    workspace("redis", ["core"], ["conformance-kit"])
    write("packages/redis/src/index.ts", `export type { Lease } from "@cache-locking/core"`)
    write("packages/redis/test/Kit.test.ts", `import "@cache-locking/conformance-kit"\nimport "../src/index.ts"`)
  })

  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it("reads every file and accepts imports that point downwards", async () => {
    // Seven files of the packages, and each module that they import by name counts as a file once more.
    expect(await readImports(root)).toEqual({ files: 11, imports: 8, violations: [] })
  })

  it("reads modern syntax", async () => {
    const text = "await using lease = undefined as unknown as AsyncDisposable\nexport const x = lease satisfies object"
    write("packages/core/src/contract/Adapter.ts", `${text}\nimport { y } from "../flight/Lease.ts"\nvoid y`)
    write("packages/core/src/flight/Lease.ts", "export const y = 1")
    expect(await violations()).toEqual([expect.stringMatching(/downwards/)])
  })

  it.each([
    `import { x } from "../flight/Flight.ts"\nexport const y = x`,
    `import type { Flight } from "../flight/Flight.ts"\nexport type A = Flight`,
    `import { type Flight } from "../flight/Flight.ts"\nexport type A = Flight`,
    `export type * from "../flight/Flight.ts"`,
    `export { x } from "../flight/Flight.ts"`,
    `export type A = import("../flight/Flight.ts").Flight`,
    `export const load = () => import("../flight/Flight.ts")`,
    `import "../flight/Flight.ts"`
  ])("refuses an upward import: %s", async (text) => {
    write("packages/core/src/flight/Flight.ts", "export const x = 1\nexport type Flight = 1")
    write("packages/core/src/contract/Adapter.ts", text)
    expect(await violations()).toEqual([
      "packages/core/src/contract/Adapter.ts → packages/core/src/flight/Flight.ts: imports point downwards"
    ])
  })

  it("refuses a folder that imports a face", async () => {
    write("packages/core/src/call/Read.ts", `export * from "../index.ts"`)
    expect(await violations()).toEqual([expect.stringMatching(/Read\.ts → .*index\.ts: imports point downwards/)])
  })

  it("refuses a sideways import", async () => {
    write("packages/core/src/flight/Flight.ts", `export * from "../stores/tiered/Bus.ts"`)
    write("packages/core/src/stores/tiered/Bus.ts", "export const x = 1")
    expect(await violations()).toEqual([expect.stringMatching(/Flight\.ts → .*Bus\.ts: imports point downwards/)])
  })

  it("refuses a folder without a place", async () => {
    write("packages/core/src/helpers/Helper.ts", "export const x = 1")
    write("packages/core/src/flight/Flight.ts", `export * from "../helpers/Helper.ts"`)
    expect(await violations()).toEqual([expect.stringMatching(/Helper\.ts: a folder stands in no row/)])
  })

  it("refuses anything but types of the adapter in a pure module", async () => {
    const entry = "packages/core/src/contract/Entry.ts"
    write(entry, `import type * as Effect from "effect/Effect"\nexport type E = Effect.Effect<void>`)
    expect(await violations()).toEqual([expect.stringMatching(/Effect\.js: a pure module imports nothing else/)])
    write(entry, `export { Adapter } from "./Adapter.ts"`)
    expect(await violations()).toEqual([expect.stringMatching(/Adapter\.ts: a pure module imports only types/)])
    write(entry, `export type Entry = import("./Adapter.ts").Adapter`)
    expect(await violations()).toEqual([])
  })

  it("refuses a cycle, even of types", async () => {
    write("packages/redis/src/A.ts", `import type { B } from "./B.ts"\nexport type A = B`)
    write("packages/redis/src/B.ts", `import type { A } from "./A.ts"\nexport type B = A`)
    expect(await violations()).toContainEqual(expect.stringMatching(/^\S*A\.ts → \S*B\.ts → \S*A\.ts: no cycles$/))
  })

  it("refuses another package in core", async () => {
    workspace("core", ["redis"])
    write("packages/core/src/flight/Lease.ts", `export type { Lease } from "@cache-locking/redis"`)
    expect(await violations()).toContainEqual(expect.stringMatching(/: may import no package of the workspace$/))
  })

  it("refuses one backend in another", async () => {
    workspace("postgres", ["redis"])
    write("packages/postgres/src/index.ts", `export * from "@cache-locking/redis"`)
    expect(await violations()).toEqual([expect.stringMatching(/: may import core$/)])
  })

  it("refuses a backend in another one's tests", async () => {
    workspace("postgres", [], ["redis"])
    write("packages/postgres/test/Other.test.ts", `export * from "@cache-locking/redis"`)
    expect(await violations()).toEqual([expect.stringMatching(/: tests may import core, /)])
  })

  it("refuses a path into another package", async () => {
    write("packages/redis/src/index.ts", `export * from "../../core/src/flight/Lease.ts"`)
    expect(await violations()).toEqual([expect.stringMatching(/another package is imported by its name/)])
  })

  it("refuses what is no front door of another package", async () => {
    write("packages/redis/src/index.ts", `export * from "@cache-locking/core/src/flight/Lease.ts"`)
    expect(await violations()).toEqual([expect.stringMatching(/there is no such module/)])
  })

  it("refuses a module that is not there", async () => {
    write("packages/redis/test/Kit.test.ts", `import "../src/Index.ts"`)
    expect(await violations()).toEqual([expect.stringMatching(/there is no such module/)])
  })

  it("refuses a package that the manifest does not declare, or only for development", async () => {
    write("packages/redis/src/index.ts", `export * from "ioredis"`)
    expect(await violations()).toEqual([expect.stringMatching(/ioredis\/index\.js: sources import only what/)])
    workspace("postgres", [], ["core"])
    write("packages/postgres/src/index.ts", `export * from "@cache-locking/core"`)
    write("packages/redis/src/index.ts", "")
    expect(await violations()).toEqual([expect.stringMatching(/postgres\S* → \S*core\S*: sources import only what/)])
  })
})
