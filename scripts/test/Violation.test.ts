import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { readGraph } from "../deps/ImportGraph.ts"
import { findViolations } from "../deps/Violation.ts"

/** The check is only worth its step in CI if each kind of wrong import really fails it. */
describe("the dependency check", () => {
  let root: string

  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }

  const manifest = (name: string, dependencies: ReadonlyArray<string> = []) =>
    JSON.stringify({
      name,
      exports: { ".": { "cache-locking-source": "./src/index.ts" } },
      peerDependencies: Object.fromEntries(dependencies.map((each) => [each, "*"]))
    })

  const check = () => findViolations(readGraph(root))

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "deps-"))
    write("packages/core/package.json", manifest("@cache-locking/core", ["effect"]))
    write("packages/core/src/index.ts", `export * from "./Lease.ts"`)
    write("packages/core/src/Lease.ts", `import type { Adapter } from "./Adapter.ts"\nexport type Lease = Adapter`)
    write("packages/core/src/Entry.ts", `import type { Adapter } from "./Adapter.ts"\nexport type Entry = Adapter`)
    write(
      "packages/core/src/Adapter.ts",
      `import type * as Effect from "effect/Effect"\nexport type Adapter = Effect.Effect<void>`
    )
    write("packages/redis/package.json", manifest("@cache-locking/redis", ["@cache-locking/core"]))
    write("packages/redis/src/index.ts", `export type { Lease } from "@cache-locking/core"`)
  })

  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it("accepts imports that point downwards", () => {
    expect(check()).toEqual([])
  })

  it("refuses an upward import of a value", () => {
    write("packages/core/src/Adapter.ts", `import { x } from "./Lease.ts"\nexport const y = x`)
    expect(check()).toContainEqual(
      expect.stringMatching(/Adapter\.ts:1 imports \.\/Lease\.ts: Lease stands above Adapter/)
    )
  })

  it.each([
    `import type { Flight } from "./Flight.ts"\nexport type A = Flight`,
    `import { type Flight } from "./Flight.ts"\nexport type A = Flight`,
    `export type * from "./Flight.ts"`,
    `export type A = import("./Flight.ts").Flight`
  ])("refuses an upward import of a type: %s", (text) => {
    write("packages/core/src/Flight.ts", "export type Flight = 1")
    write("packages/core/src/Adapter.ts", text)
    expect(check()).toEqual([expect.stringMatching(/Flight\.ts \(types only\): Flight stands above Adapter/)])
  })

  it("refuses a sideways import", () => {
    write("packages/core/src/ConditionalStore.ts", `export * from "./ValueStore.ts"`)
    write("packages/core/src/ValueStore.ts", "export const x = 1")
    expect(check()).toEqual([expect.stringMatching(/ValueStore stands beside ConditionalStore/)])
  })

  it("refuses a module without a place", () => {
    write("packages/core/src/Helper.ts", "export const x = 1")
    expect(check()).toEqual([expect.stringMatching(/Helper stands in no row/)])
  })

  it("refuses anything but types of the adapter in a pure module", () => {
    write(
      "packages/core/src/Entry.ts",
      `import type * as Effect from "effect/Effect"\nexport type E = Effect.Effect<void>`
    )
    expect(check()).toEqual([expect.stringMatching(/Entry is pure/)])
  })

  it("refuses a cycle, even of types", () => {
    write("packages/redis/src/A.ts", `import type { B } from "./B.ts"\nexport type A = B`)
    write("packages/redis/src/B.ts", `import type { A } from "./A.ts"\nexport type B = A`)
    expect(check()).toEqual([expect.stringMatching(/^cycle: .*A\.ts → .*B\.ts → .*A\.ts$/)])
  })

  it("refuses a backend in core", () => {
    write("packages/core/src/Lease.ts", `import type { Lease } from "@cache-locking/redis"\nexport type L = Lease`)
    expect(check()).toContainEqual(expect.stringMatching(/packages\/core may import no package/))
  })

  it("refuses one backend in another", () => {
    write("packages/postgres/package.json", manifest("@cache-locking/postgres", ["@cache-locking/redis"]))
    write("packages/postgres/src/index.ts", `export * from "@cache-locking/redis"`)
    expect(check()).toEqual([expect.stringMatching(/packages\/postgres may import @cache-locking\/core$/)])
  })

  it("refuses a path into another package", () => {
    write("packages/redis/src/index.ts", `export * from "../../core/src/Lease.ts"`)
    expect(check()).toEqual([expect.stringMatching(/reaches into another package/)])
  })

  it("refuses a package that the manifest does not declare", () => {
    write("packages/redis/src/index.ts", `export * from "ioredis"`)
    expect(check()).toEqual([expect.stringMatching(/not among the dependencies/)])
  })
})
