import { type ListingAdapter, MemoryAdapter } from "@cache-locking/core"
import { expect, it } from "vitest"
import { namesApart } from "../../src/testing.ts"

it("passes for a store in this process, and for two processes over one", async () => {
  await namesApart([MemoryAdapter.make()])
  const memory = MemoryAdapter.make()
  await namesApart([
    { ...memory, identity: {} },
    { ...memory, identity: {} }
  ])
})

it("finds a store that keeps only the end of a key", async () => {
  const memory = MemoryAdapter.make()
  const cut = (key: string) => key.slice(key.lastIndexOf("\u0001") + 1)
  const cutting: ListingAdapter = {
    ...memory,
    acquire: (key, options) => memory.acquire(cut(key), options),
    fill: (key, options) => memory.fill(cut(key), options),
    read: (key) => memory.read(cut(key)),
    put: (key, options) => memory.put(cut(key), options)
  }
  await expect(namesApart([cutting])).rejects.toThrow("cold")
})
