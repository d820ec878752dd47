import { InvalidOption } from "@cache-locking/core"
import { describe, expect, it } from "vitest"
import { parse } from "../src/Address.ts"

const nobody = { user: undefined, password: undefined }

describe("a URL", () => {
  it("names a server or several", () => {
    expect(parse("memcached://localhost")).toEqual([{ host: "localhost", port: 11_211, ...nobody }])
    expect(parse("memcached://10.0.0.1:5/,cache.example:6")).toEqual([
      { host: "10.0.0.1", port: 5, ...nobody },
      { host: "cache.example", port: 6, ...nobody }
    ])
    expect(parse("memcached://[::1]:7")).toEqual([{ host: "::1", port: 7, ...nobody }])
  })

  it("has the credentials of each", () => {
    expect(parse("memcached://me:p%40ss%2Cword@a,you:b@c:1")).toEqual([
      { host: "a", port: 11_211, user: "me", password: "p@ss,word" },
      { host: "c", port: 1, user: "you", password: "b" }
    ])
  })

  it.each([
    "",
    "localhost",
    "memcached://",
    "memcached://a,",
    "redis://secret@a",
    "memcached://secret@a:x",
    "memcached://a/b",
    "memcached://a?secret",
    "memcached://me:secret%zz@a",
    "memcached://secret%zz@a"
  ])("is refused, and not shown: %j", (url) => {
    let error: unknown
    try {
      parse(url)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(InvalidOption)
    expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain("secret")
  })
})
