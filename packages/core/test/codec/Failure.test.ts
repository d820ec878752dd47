import { runInNewContext } from "node:vm"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure as failureCodec } from "../../src/codec/Codec.ts"
import { decodeValue, encodedValue } from "../../src/codec/EncodedValue.ts"

class NotFound extends Data.TaggedError("NotFound")<{
  readonly id: bigint
  readonly message: string
  readonly cause?: unknown
}> {}
class Declared extends Schema.TaggedError<Declared>()("Declared", { code: Schema.Int }) {}
class Refusal extends Data.TaggedClass("Refusal")<{ readonly why: string }> {}

const written = (failure: unknown): string => new TextDecoder().decode(failureCodec.encode(failure))
const trip = (failure: unknown): any => failureCodec.decode(failureCodec.encode(failure))

/** What axios rejects with, and has beside the message. */
const request = {
  config: { url: "/users?key=canary", headers: { authorization: "Bearer canary" }, data: "canary" },
  response: { status: 500, headers: { "set-cookie": ["canary"] }, data: { password: "canary" } }
}
const axios = () => Object.assign(new Error("failed with 500"), { name: "AxiosError", code: "ERR_BAD", ...request })

/** postgres.js, where `debug` is set. */
const postgres = () =>
  Object.assign(new Error("duplicate key"), {
    name: "PostgresError",
    code: "23505",
    detail: "Key (email)=(canary)",
    query: "insert",
    parameters: ["canary"]
  })

class Failed extends Data.TaggedError("Failed")<{ readonly cause: unknown; readonly tried?: unknown }> {}

describe("failureCodec", () => {
  it("carries only name, message, code and causes of an error without a tag", () => {
    const failure = trip(axios())
    expect(failure).toMatchObject({ name: "AxiosError", message: "failed with 500", code: "ERR_BAD" })
    expect(Object.keys(failure)).toEqual(["code"])
    expect(trip(Object.assign(new Error("x"), { code: { secret: "canary" } }))).not.toHaveProperty("code")
  })

  it("leaves fields of others' errors at home, wherever such an error is", () => {
    const aggregate = new AggregateError([postgres(), { ...request, message: "plain" }, request], "all failed")
    const cyclic = axios()
    cyclic.cause = new Error("outer", { cause: cyclic })
    for (const failure of [
      axios(),
      postgres(),
      cyclic,
      aggregate,
      new Error("outer", { cause: axios() }),
      new Error("outer", { cause: request }),
      new Failed({ cause: axios() }),
      new Failed({ cause: { ...request, message: "rejected" } }),
      new Failed({ cause: new Failed({ cause: postgres(), tried: new Map([["first", [axios()]]]) }) }),
      { _tag: "Busy", error: postgres(), cause: request },
      { ...request, message: "rejected", code: 5 }
    ]) {
      expect(written(failure)).not.toContain("canary")
    }
    expect(trip(aggregate)).toMatchObject({ errors: [{ code: "23505" }, { message: "plain" }] })
    expect(trip(new Failed({ cause: axios() }))).toMatchObject({ _tag: "Failed", cause: { code: "ERR_BAD" } })
    expect(trip({ ...request, message: "rejected", code: 5 })).toStrictEqual({ message: "rejected", code: 5 })
  })

  it.each<[string, unknown]>([
    ["a response", { status: 500, headers: { cookie: "canary" } }],
    ["a list", ["canary"]],
    ["bytes", new Uint8Array(5)],
    ["a URL", new URL("https://localhost?key=canary")],
    ["a Map", new Map([["a", "canary"]])]
  ])("refuses %s: nothing of it may leave the process", (_, failure) => {
    expect(() => failureCodec.encode(failure)).toThrow(/^(?!.*canary)/)
  })

  it("carries an error of another realm, as Jest and vm make them", () => {
    const foreign = runInNewContext(
      'const cause = new RangeError("why"); Object.assign(new TypeError("no", { cause }), { code: "E1", _tag: "Mine", seen: [1] })'
    )
    expect(foreign).not.toBeInstanceOf(Error)
    const error = trip(foreign)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ name: "TypeError", message: "no", code: "E1", seen: [1] })
    expect(error.cause).toMatchObject({ name: "RangeError", message: "why" })
    // Also where a field has to be left out.
    const partly = trip(Object.assign(foreign, { f: () => {} }))
    expect(partly).toMatchObject({ name: "TypeError", message: "no", code: "E1" })
  })

  it("carries a tagged error, so that catchTag works there", () => {
    const failure = trip(new NotFound({ id: 5n, message: "no such user" })) as NotFound
    expect(failure).toBeInstanceOf(Error)
    const caught = Effect.fail(failure).pipe(Effect.catchTag("NotFound", (error) => Effect.succeed(error.id)))
    expect(Effect.runSync(caught)).toBe(5n)
    expect(String(failure)).toBe("NotFound: no such user")
    expect(Object.keys(failure)).toEqual(["id", "_tag"])
  })

  it("carries an error of a schema", () => {
    expect(trip(new Declared({ code: 7 }))).toMatchObject({ _tag: "Declared", name: "Declared", code: 7 })
  })

  it("carries a tag that is on the prototype", () => {
    class Old extends Error {
      declare readonly _tag: string
    }
    Object.defineProperty(Old.prototype, "_tag", { value: "Old" })
    expect(trip(new Old("x"))._tag).toBe("Old")
  })

  it("keeps native errors, their causes and codes", () => {
    const failure = trip(Object.assign(new TypeError("x", { cause: new RangeError("y") }), { code: "ECONNRESET" }))
    expect(failure).toBeInstanceOf(TypeError)
    expect(failure).toMatchObject({ message: "x", code: "ECONNRESET", cause: { name: "RangeError", message: "y" } })
  })

  it("leaves out every stack", () => {
    const failure = new NotFound({ id: 1n, message: "x", cause: new Error("inner") })
    expect(written(failure)).not.toMatch(/Failure\.test|node_modules| at /)
    expect(trip(failure).stack).toBe("NotFound: x")
  })

  it.each(["text", 5, null, undefined, { _tag: "Plain", at: new Date(5) }])("keeps %j as it is", (failure) => {
    expect(trip(failure)).toStrictEqual(failure)
  })

  it("makes an instance of a class a plain object with its tag", () => {
    expect(trip(new Refusal({ why: "closed" }))).toStrictEqual({ _tag: "Refusal", why: "closed" })
  })

  it("loses the fields that cannot be encoded, and no others", () => {
    const failure = trip(
      new NotFound({
        id: 1n,
        message: "x",
        cause: { socket: () => 1 },
        ...({ request: new Refusal({ why: "" }) } as {})
      })
    )
    expect(failure).toMatchObject({ _tag: "NotFound", name: "NotFound", message: "x", id: 1n })
    expect(failure).not.toHaveProperty("request")
    expect(failure.cause).toBeUndefined()
    expect(trip({ _tag: "Busy", retry: () => 1 })).toStrictEqual({ _tag: "Busy" })
  })

  it("refuses what it cannot read, and no failure else", () => {
    const worst = [
      () => 1,
      Symbol("x"),
      new Proxy({}, { ownKeys: () => raise(), get: () => raise() }),
      Object.defineProperty(new Error("x"), "message", { get: () => raise() }),
      Object.defineProperty({}, "mine", { enumerable: true, get: () => raise() })
    ]
    for (const failure of worst) expect(() => failureCodec.encode(failure)).toThrow(TypeError)
    const tagged = fc.tuple(fc.anything(), fc.string()).map(([tried, _tag]) => ({ _tag, tried }))
    fc.assert(fc.property(tagged, (failure) => void trip(failure)))
    fc.assert(fc.property(fc.anything(), (cause) => void trip(new Failed({ cause, tried: cause }))))
  })

  it("is encoded like a value: by reference in a process, as bytes between processes", () => {
    const failure = new NotFound({ id: 1n, message: "x" })
    const encoded = encodedValue<unknown>(failure, failureCodec)
    expect(decodeValue(encoded, failureCodec)).toMatchObject({ value: failure })
    expect(decodeValue({ bytes: encoded.bytes }, failureCodec)).toMatchObject({ value: { _tag: "NotFound", id: 1n } })
  })

  it("cannot be made to reach a prototype, or to break the members of every error", () => {
    const hostile = 'd[["Error",1],[2,3,4],"Odd","x",{"toString":5,"valueOf":5,"_tag":2},1]'
    const failure = failureCodec.decode(new TextEncoder().encode(hostile)) as NotFound
    expect(String(failure)).toBe("Odd: x")
    expect(failure).toHaveProperty("_tag", "Odd")
    const proto = 'd[["Error",1],[2,3,4],"Odd","x",{"__proto__":5},{"polluted":6},true]'
    expect(() => failureCodec.decode(new TextEncoder().encode(proto))).toThrow()
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined()
  })
})

const raise = (): never => {
  throw new Error("a getter that throws")
}
