import { assert, describe, it } from "@effect/vitest"
import * as Objects from "../../../src/stores/objects/Bucket.ts"

const keys = [
  "",
  ".",
  "..",
  "a/../b",
  "user:1",
  "é",
  "日本",
  "😀",
  "\u0000",
  "%2F",
  "a b+c",
  "x.lease",
  "'\"`$\\{}",
  "\r\n"
]

describe("the objects of a bucket", () => {
  it("every key has a name of its own that every store accepts, and is read back from it", () => {
    const names = keys.map((key) => Objects.ofLease("cache", key))
    assert.strictEqual(new Set(names).size, keys.length)
    for (const [index, name] of names.entries()) {
      assert.match(name, /^cache\/leases\/[\w!~*'().%-]*\.lease$/)
      assert.isFalse(name.split("/").some((part) => part === "" || part === "." || part === ".."))
      assert.strictEqual(Objects.keyOf("cache", name), keys[index])
    }
    assert.strictEqual(Objects.ofLease("cache", "user:1"), "cache/leases/user%3A1.lease")
  })

  it("the longest key fits under the longest prefix", () => {
    const prefix = "p".repeat(Objects.prefixBytes)
    const name = Objects.ofLease(prefix, "漢".repeat(Objects.keyBytes / 3))
    assert.isTrue(Objects.isPrefix(prefix))
    assert.isAtMost(name.length, 1024)
  })

  it("other names have no key and no version", () => {
    for (const name of ["cache/leases/a", "cache/values/a", "other/leases/a.lease", "cache/leases/%E0.lease"]) {
      assert.strictEqual(Objects.keyOf("cache", name), undefined)
    }
    assert.strictEqual(Objects.versionOf("cache", "cache/leases/a.lease"), undefined)
    assert.strictEqual(Objects.versionOf("cache", Objects.ofValue("cache", "v")), "v")
  })

  it("names begin alike where keys do, also where a character is cut in two", () => {
    const begins = (key: string, start: string) =>
      Objects.ofLease("c", key).startsWith(Objects.beginningOfLeases("c", start)!)
    for (const key of keys) {
      for (let end = 0; end <= key.length; end++) assert.isTrue(begins(key, key.slice(0, end)), `${key} ${end}`)
    }
    assert.strictEqual(Objects.beginningOfLeases("c", "\ud800x"), undefined)
  })

  it("prefixes are folders of safe characters", () => {
    for (const prefix of ["cache", "a/b", "a.b", "A-1_(x)!*'", "a/b.c/d"])
      assert.isTrue(Objects.isPrefix(prefix), prefix)
    for (const prefix of ["", "/a", "a/", "a//b", "..", "a/..", ".a", "a b", "é", "a%b", "p".repeat(101)]) {
      assert.isFalse(Objects.isPrefix(prefix), prefix)
    }
  })
})
