import { type Adapter, AdapterError, MemoryAdapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { keepsSecrets } from "../../src/testing.ts"

/** Nothing but bytes passes, as over a network. */
const overBytes = (memory: Adapter = MemoryAdapter.make()): Adapter => {
  const bytesOf = <A extends { readonly bytes: Uint8Array } | undefined>(value: A) =>
    value && { bytes: value.bytes.slice() }
  const { hitUnsafe: _h, valueUnsafe: _v, keepsReferences: _k, ...verbs } = memory
  return {
    ...verbs,
    name: "bytes",
    fill: (key, options) => memory.fill(key, { ...options, value: bytesOf(options.value) }),
    put: (key, options) => memory.put(key, { ...options, value: bytesOf(options.value)! }),
    abandon: (key, options) => memory.abandon(key, { ...options, cause: bytesOf(options.cause) })
  }
}

const refusing = (message: (key: string, more: unknown) => string): Adapter => {
  const fail = (operation: AdapterError["operation"]) => (key: string, more?: unknown) =>
    Effect.fail(new AdapterError({ adapter: "no", operation, key, reason: "Unavailable", message: message(key, more) }))
  const { acquireMany: _a, deleteMany: _d, changes: _c, watch: _w, keys: _k, ...memory } = overBytes()
  return {
    ...memory,
    acquire: fail("acquire"),
    fill: fail("fill"),
    abandon: fail("abandon"),
    renew: fail("renew"),
    delete: fail("delete"),
    put: fail("put"),
    touch: fail("touch"),
    read: fail("read")
  }
}

describe("a cache tells no secret", () => {
  it.each<[string, () => Adapter]>([
    ["in this process", () => MemoryAdapter.make()],
    ["of bytes", () => overBytes()],
    ["that cannot be reached", () => refusing(() => "not now")]
  ])("over a store %s", async (_, make) => {
    await keepsSecrets(make(), ["a password"])
  })

  it("and is caught if it does", async () => {
    await expect(
      keepsSecrets(
        refusing(() => "redis://me:hunter2@host"),
        ["hunter2"]
      )
    ).rejects.toThrow("shows hunter2")
    const quoting = refusing((_, more) => new TextDecoder().decode((more as any)?.value?.bytes))
    await expect(keepsSecrets(quoting)).rejects.toThrow("shows canary-of-a-value")
  })
})
