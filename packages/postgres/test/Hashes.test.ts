import { createHash } from "node:crypto"
import { expect, it } from "vitest"
import { Hashes, hashOf } from "../src/Hashes.ts"

it("finds a key by the SHA-256 of its UTF-8, as the server makes it", () => {
  const hashes = new Hashes()
  for (const key of ["", "k", "é😀\u0000"]) {
    hashes.note(key)
    expect(hashes.find(createHash("sha256").update(key, "utf8").digest("hex"))).toBe(key)
  }
  hashes.clear()
  expect(hashes.find(hashOf("k"))).toBeUndefined()
})

it("remembers no more than ten thousand", () => {
  const hashes = new Hashes()
  for (let i = 0; i <= 10_000; i++) hashes.note(`k${i}`)
  expect(hashes.find(hashOf("k0"))).toBeUndefined()
  expect(hashes.find(hashOf("k10000"))).toBe("k10000")
})
