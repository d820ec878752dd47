import { runInNewContext } from "node:vm"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decode, encode } from "../../src/codec/Structured.ts"

const trip = (value: unknown): any => decode(encode(value))
const text = (value: unknown): string => new TextDecoder().decode(encode(value))
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe("values that are kept", () => {
  const kept: ReadonlyArray<readonly [string, unknown]> = [
    ["undefined", undefined],
    ["null", null],
    ["booleans", [true, false]],
    ["numbers", [0, 1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_VALUE]],
    ["an undefined property", { a: undefined, b: 1 }],
    ["an undefined element", [undefined, 1]],
    ["text", ["", "é😀", "\u0000", "\ufeffstarts with a BOM", "\ud800 half a pair"]],
    ["text alone", "é😀"],
    ["text alone with a BOM", "\ufeffx"],
    ["text alone with half a pair", "\udfff"],
    ["big integers", [0n, -5n, 12345678901234567890123n]],
    ["a date", new Date(123456)],
    [
      "a map with any keys",
      new Map<unknown, unknown>([
        ["a", 1],
        [{ k: 1 }, new Set([1, "a", undefined])],
        [1, 2]
      ])
    ],
    ["typed arrays", [new Uint8Array([1, 255]), new Float64Array([1.5, Number.NaN, -0]), new BigInt64Array([-1n])]],
    ["a typed array's part", { part: new Int16Array([1, 2, 3]).subarray(1, 2) }],
    ["an array buffer", new Uint8Array([1, 2]).buffer],
    ["a data view", new DataView(new Uint8Array([1, 2, 3]).buffer)],
    ["a regular expression", /a\/b/giu],
    ["a URL", new URL("https://a.b/c?d=e#f")],
    ["URL search parameters", new URLSearchParams("a=1&a=2")],
    ["a sparse array", Object.assign([1], { 3: 2 })],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 })],
    ["keys that objects have", { constructor: 1, prototype: 2, toString: 3, hasOwnProperty: 4 }],
    ["keys with dots and escapes", { "a.b": new Date(1), "c\\d": 1n, "": undefined, "\u0000": 1 }],
    ["what looks like its own format", ["Date", ["BigInt", -1], { Error: ["x"] }]]
  ]
  it.each(kept)("%s", (_, value) => {
    expect(trip(value)).toStrictEqual(value)
  })

  it("an invalid date", () => {
    expect(trip(new Date(Number.NaN)).getTime()).toBeNaN()
  })

  it("references that are cyclic or repeated", () => {
    const shared = { n: 1 }
    const cyclic: Record<string, unknown> = { first: shared, second: shared }
    cyclic["self"] = cyclic
    const got = trip(cyclic)
    expect(got.self).toBe(got)
    expect(got.first).toBe(got.second)
    expect(got.first).toEqual(shared)
  })

  it("bytes, without text around them", () => {
    const value = new Uint8Array([0, 1, 255])
    expect(trip(value)).toStrictEqual(value)
    expect(encode(value)).toHaveLength(4)
    expect(encode(value).buffer).not.toBe(value.buffer)
  })

  it("a Buffer's own bytes, as a Uint8Array and without the pool around it", () => {
    expect(trip(Buffer.from("abc"))).toStrictEqual(new Uint8Array([97, 98, 99]))
    const nested = trip({ nested: Buffer.from("abc") }).nested
    expect(nested).toStrictEqual(new Uint8Array([97, 98, 99]))
    expect(nested.buffer.byteLength).toBe(3)
  })

  it("bytes read out of a Buffer are no Buffer", () => {
    expect(decode(Buffer.from(encode(new Uint8Array([7]))))).toStrictEqual(new Uint8Array([7]))
  })

  it("any value that structuredClone keeps", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
      key: fc.string({ unit: "binary" }).filter((key) => key !== "__proto__")
    })
    fc.assert(
      fc.property(anything, (value) => {
        expect(trip(value)).toStrictEqual(value)
      }),
      { numRuns: 500 }
    )
  })

  it("any JSON, as JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        if (!JSON.stringify(value).includes("__proto__")) expect(trip(value)).toStrictEqual(value)
      })
    )
  })
})

describe("errors", () => {
  it("keep name, message, cause and own fields, and leave out the stack", () => {
    const error = Object.assign(new TypeError("broken", { cause: new Error("inner") }), { code: 42, at: new Date(5) })
    const got = trip(error)
    expect(got).toBeInstanceOf(TypeError)
    expect(got).toMatchObject({ name: "TypeError", message: "broken", code: 42, at: new Date(5) })
    expect(got.cause).toBeInstanceOf(Error)
    expect(got.cause.message).toBe("inner")
    expect(Object.keys(got)).toEqual(["code", "at"])
    expect(got.stack).toBe("TypeError: broken")
    expect(text(error)).not.toContain("Structured.test")
  })

  it("keep the name of a class that is not known here", () => {
    class Odd extends Error {
      override name = "Odd"
    }
    const got = trip(new Odd("x"))
    expect(got).toBeInstanceOf(Error)
    expect(String(got)).toBe("Odd: x")
  })

  it("keep the errors of an AggregateError", () => {
    const got = trip(new AggregateError([new RangeError("a"), "b"], "all"))
    expect(got).toBeInstanceOf(AggregateError)
    expect(got.errors[0]).toBeInstanceOf(RangeError)
    expect(got.errors[1]).toBe("b")
  })

  it("may be their own cause", () => {
    const error = new Error("loop")
    error.cause = error
    expect(trip(error).cause.message).toBe("loop")
  })
})

describe("values that are refused", () => {
  class Money {
    readonly cents = "secret"
  }
  const refused: ReadonlyArray<readonly [string, unknown]> = [
    ["a function", () => 1],
    ["a symbol", Symbol("secret")],
    ["an instance of an own class", { deep: [new Money()] }],
    ["a symbol key", { [Symbol("secret")]: 1 }],
    ["a promise", { later: Promise.resolve("secret") }],
    ["a key __proto__", JSON.parse('{"__proto__":{"x":"secret"}}')],
    ["a value under a secret map key", new Map([["secret", () => 1]])]
  ]
  it.each(refused)("%s", (_, value) => {
    expect(() => encode(value)).toThrow(TypeError)
    try {
      encode(value)
    } catch (error) {
      // Neither in the message nor in a field of the error.
      expect(JSON.stringify([error, String(error), Object.values(error as object)])).not.toContain("secret")
    }
  })

  it("the error names the path", () => {
    expect(() => encode({ a: [{ b: () => 1 }] })).toThrow(/function \(at \.a\[0\]\.b\)/)
  })

  it("values that are nested too deep, with an error", () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = { deep }
    expect(() => encode(deep)).toThrow(RangeError)
  })
})

describe("hostile bytes", () => {
  const hostile: ReadonlyArray<readonly [string, string]> = [
    ["nothing", ""],
    ["another format", "x1"],
    ["broken JSON", 'j{"a":'],
    ["no JSON at all", "j"],
    ["broken devalue", "d[[1,2"],
    ["an index out of range", "d[[99]]"],
    ["a type that is not known", 'd[["Function","alert(1)"]]'],
    ["a prototype in JSON", 'j{"__proto__":{"polluted":true}}'],
    ["a prototype in JSON, escaped", 'j{"a":[{"_\\u005fpr\\u006fto__":{"polluted":true}}]}'],
    ["a prototype in devalue", 'd[{"__proto__":1},{"polluted":2},true]'],
    ["a prototype in an object without one", 'd[["null","__proto__",1],{"polluted":2},true]'],
    ["an array buffer of an array", 'd[["Uint8Array",1],["Set",2],1]'],
    ["an error that is no error", 'd[["Error",1],{"0":2},5]']
  ]
  it.each(hostile)("%s is refused", (_, written) => {
    expect(() => decode(bytes(written))).toThrow()
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined()
  })

  it("text that is not UTF-8 is refused", () => {
    expect(() => decode(new Uint8Array([0x73, 0xff]))).toThrow(TypeError)
  })

  it("the message never quotes the bytes", () => {
    for (const written of ["jsecret", "dsecret", 'j{"secret', 'd[["secret",1]]']) {
      expect(() => decode(bytes(written))).toThrow(/^(?!.*secret)/)
    }
  })

  it("a claimed length allocates nothing", () => {
    const before = process.memoryUsage().rss
    const sparse = decode(bytes("d[[-7,4294967295]]")) as Array<unknown>
    expect(sparse).toHaveLength(4294967295)
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000)
  })

  it("fields of an error cannot replace the members of every error", () => {
    const fields = '{"toString":3,"constructor":3,"stack":3,"__defineGetter__":3,"code":3}'
    const got = decode(bytes(`d[["Error",1],[2,4,5],"Odd",7,"x",${fields}]`)) as Error & { code: unknown }
    expect(String(got)).toBe("Odd: x")
    expect(got.constructor).toBe(Error)
    expect(typeof got.stack).toBe("string")
    expect(got.code).toBe(7)
  })

  it("an error that lacks its parts is an empty error", () => {
    for (const payload of ["[]", "[2]", "[2,2,2]"]) {
      expect(decode(bytes(`d[["Error",1],${payload},5]`))).toBeInstanceOf(Error)
    }
  })

  it("any bytes decode or throw, and pollute nothing", () => {
    const before = Object.getOwnPropertyNames(Object.prototype).length
    const any = fc.uint8Array({ maxLength: 60 })
    const tagged = fc.tuple(fc.constantFrom("s", "b", "j", "d"), fc.json()).map(([tag, json]) => bytes(tag + json))
    fc.assert(
      fc.property(fc.oneof(any, tagged), (given) => {
        try {
          decode(given)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
      { numRuns: 1000 }
    )
    expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(before)
  })
})

describe("size", () => {
  it("is one byte more than the text, the bytes or the JSON", () => {
    expect(encode("x".repeat(100))).toHaveLength(101)
    expect(encode(new Uint8Array(100))).toHaveLength(101)
    const plain = { id: 1, name: "Ada", tags: ["a", "b"], nothing: null }
    expect(encode(plain)).toHaveLength(JSON.stringify(plain).length + 1)
    expect(text(plain)).toBe(`j${JSON.stringify(plain)}`)
  })
})

describe("a part that JSON and devalue would lose silently", () => {
  class Rows extends Array<number> {}
  class Cache extends Map<string, number> {}
  class Day extends Date {}
  const lossy: ReadonlyArray<readonly [what: string, value: unknown, message: string]> = [
    ["a match with groups", /(?<y>\d+)/.exec("in 2026"), 'an array with properties of its own, such as "groups"'],
    [
      "a driver's rows",
      Object.assign([{ id: 1 }], { count: 1 }),
      'an array with properties of its own, such as "count"'
    ],
    ["such rows without any", Object.assign([], { count: 0 }), 'an array with properties of its own, such as "count"'],
    ["a sparse one", Object.assign([1], { 3: 2, left: 1 }), 'an array with properties of its own, such as "left"'],
    ["a subclass of Array", Rows.from([1]), "an array of a class of its own"],
    ["a subclass of Map", new Cache(), "a Map of a class of its own"],
    ["a subclass of Date", new Day(), "a Date of a class of its own"],
    [
      "a Date with properties",
      Object.assign(new Date(0), { zone: "UTC" }),
      'a Date with properties of its own, such as "zone"'
    ]
  ]
  it.each(lossy)("%s is refused, alone and inside, with its path", (_, value, message) => {
    expect(() => encode(value)).toThrow(`Cannot stringify ${message}`)
    const inside = { list: [1, { "odd key": new Map([["k", value]]) }] }
    expect(() => encode(inside)).toThrow(`Cannot stringify ${message} (at .list[1]["odd key"].get(…))`)
    expect(() => encode({ error: Object.assign(new Error("e"), { value }) })).toThrow(/\(at \.error.*\.value\)$/)
  })

  it("and no value of another realm, whose classes are others", () => {
    const value = runInNewContext(
      "({ list: [1, , new Map([[1, new Date(5)]])], set: new Set([/x/g]), text: Object('ab'), bytes: new Uint8Array([1]) })"
    )
    expect(trip(value)).toEqual({
      list: [1, undefined, new Map([[1, new Date(5)]])],
      set: new Set([/x/g]),
      text: Object("ab"),
      bytes: new Uint8Array([1])
    })
  })

  it("a DOMException is one again", () => {
    const error = trip({ error: new DOMException("stopped", "AbortError") }).error
    expect(error).toBeInstanceOf(DOMException)
    expect([error.name, error.message, error.code]).toEqual(["AbortError", "stopped", 20])
    const foreign = new DOMException("again", { name: "TimeoutError", cause: new Error("slow") })
    expect(trip(foreign)).toMatchObject({ name: "TimeoutError", message: "again", cause: { message: "slow" } })
  })
})

describe("a part that is refused is named by its path, and an instance by its class", () => {
  class User {}
  const faults: ReadonlyArray<readonly [value: unknown, message: string]> = [
    [new User(), "Cannot stringify an instance of User"],
    [{ a: [{ b: new User() }] }, "Cannot stringify an instance of User (at .a[0].b)"],
    [Object.create({ inherited: 1 }), "Cannot stringify an instance of Object"],
    [[() => {}], "(at [0])"],
    [{ p: Promise.resolve() }, "(at .p)"]
  ]
  it.each(faults)("%j", (value, message) => {
    expect(() => encode(value)).toThrow(message)
  })

  it("and nothing else is", () => {
    const cyclic: Record<string, unknown> = { list: [1, "a", null, undefined, 5n], map: new Map([[{}, new Set([1])]]) }
    cyclic["self"] = cyclic
    cyclic["error"] = Object.assign(new TypeError("t"), { code: 1 })
    cyclic["bytes"] = Buffer.from("b")
    cyclic["bare"] = Object.create(null)
    expect(() => encode(cyclic)).not.toThrow()
  })
})
