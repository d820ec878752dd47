import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { InvalidOption, isCacheLockingError } from "../../src/contract/CacheLockingError.ts"
import * as Check from "../../src/contract/Check.ts"

/** The error that a check threw. */
const refusal = (check: () => unknown): InvalidOption => {
  try {
    check()
  } catch (error) {
    assert.instanceOf(error, InvalidOption)
    return error as InvalidOption
  }
  return assert.fail("accepted")
}

describe("every refusal", () => {
  const cases: ReadonlyArray<readonly [check: () => unknown, option: string, value: unknown, shown: string]> = [
    [() => Check.integer("maxEntries", 1.5, { min: 1, default: 5 }), "maxEntries", 1.5, "1.5"],
    [() => Check.fn("shouldCache", "x" as never, () => true), "shouldCache", "x", '"x"'],
    [() => Check.duration("waitMax", -5), "waitMax", -5, "-5"],
    [() => Check.duration("waitMax", null as never), "waitMax", null, "null"],
    [() => Check.duration("waitMax", [] as never), "waitMax", "an array", "an array"],
    [() => Check.oneOf("onCooling", "x" as never, ["wait", "fail"], "wait"), "onCooling", "x", '"x"'],
    [() => Check.key(""), "key", "", '""'],
    [() => Check.key("a\ud800"), "key", "a\ud800", '"a\\ud800"'],
    [() => Check.commandTimeout({ commandTimeout: "25 days" }, 1), "commandTimeout", "25 days", '"25 days"'],
    [() => Check.key({} as never), "key", "an object", "an object"],
    [() => Check.key((() => 1) as never), "key", "a function", "a function"],
    [() => Check.known({ typo: 1 }, new Set(["right"])), "typo", 1, "1"],
    [() => Check.known({ url: "redis://:hunter2@host" }, new Set(["right"])), "url", "text", "text"],
    [() => Check.known({ typo: 1 }, new Set(["right"]), "hooks."), "hooks.typo", 1, "1"],
    [() => Check.known(null as never, new Set()), "options", null, "null"],
    [() => Check.known(5 as never, new Set(), "hooks."), "hooks", 5, "5"],
    [() => Check.text("name", 5 as never, "cache"), "name", 5, "5"]
  ]

  for (const [check, option, value, shown] of cases) {
    it(`names the option, the value and the accepted values: ${option} ${shown}`, () => {
      const error = refusal(check)
      assert.strictEqual(error.option, option)
      if (value !== undefined) assert.deepStrictEqual(error.value, value)
      assert.strictEqual(error.message, `${option} is ${shown}; accepted: ${error.accepted}`)
      assert.isNotEmpty(error.accepted)
      assert.deepStrictEqual(error.context, { phase: "options" })
      assert.isTrue(isCacheLockingError(error))
    })
  }

  it("shows no more of an object than that it is one", () => {
    const error = refusal(() => Check.key({ password: "hunter2" } as never))
    assert.notInclude(inspect(error, { depth: 9 }), "hunter2")
  })

  it("shows values of every kind without failing itself", () => {
    for (const value of [
      Symbol("s"),
      5n,
      undefined,
      Number.NaN,
      Object.create(null),
      new Proxy({}, {}),
      new Date(Number.NaN)
    ]) {
      refusal(() => Check.key(value as never))
    }
  })
})

describe("integer", () => {
  it("takes whole numbers from its minimum, and Infinity where that is the default", () => {
    assert.strictEqual(Check.integer("n", undefined, { min: 1, default: 7 }), 7)
    assert.strictEqual(Check.integer("n", 1, { min: 1, default: 7 }), 1)
    assert.strictEqual(Check.integer("n", Infinity, { min: 1, default: Infinity }), Infinity)
    for (const value of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, "5", null, 5n, true]) {
      refusal(() => Check.integer("n", value as never, { min: 1, default: 7 }))
    }
  })
})

describe("number", () => {
  it("takes finite numbers within its bounds", () => {
    assert.strictEqual(Check.number("n", undefined, { min: 0, default: 2 }), 2)
    assert.strictEqual(Check.number("n", 0.5, { min: 0, max: 1, default: 2 }), 0.5)
    assert.strictEqual(Check.number("n", 1, { min: 0, max: 1, default: 2 }), 1)
    for (const value of [-0.1, 1.1, Number.NaN, Infinity, "0.5", null, 1n]) {
      refusal(() => Check.number("n", value as never, { min: 0, max: 1, default: 2 }))
    }
    refusal(() => Check.number("n", Infinity, { min: 0, default: 2 }))
  })
})

describe("duration", () => {
  it("takes every Effect duration input", () => {
    for (const [input, millis] of [
      [0, 0],
      [5, 5],
      [0.5, 0.5],
      ["5 seconds", 5000],
      ["1 minute", 60_000],
      ["Infinity", Infinity],
      [{ seconds: 2 }, 2000],
      [{ minutes: 1, seconds: 1 }, 61_000],
      [Duration.hours(1), 3_600_000],
      [Duration.infinity, Infinity],
      [Infinity, Infinity],
      [5_000_000n, 5],
      [[1, 500_000_000], 1500]
    ] as ReadonlyArray<readonly [Duration.Input, number]>) {
      assert.strictEqual(Check.duration("t", input), millis, String(input))
    }
  })

  it("refuses values that are no duration, negative, or out of their bounds", () => {
    for (const input of [
      -1,
      -0.001,
      Number.NaN,
      -Infinity,
      "",
      "soon",
      "5 lightyears",
      "-5 seconds",
      null,
      undefined,
      true,
      [],
      [1],
      new Date(),
      () => 5,
      -5n,
      Symbol("s")
    ]) {
      refusal(() => Check.duration("t", input as never))
    }
    assert.match(refusal(() => Check.duration("t", 9, { min: 10 })).accepted, /at least 10 ms/)
    assert.match(refusal(() => Check.duration("t", "Infinity", { infinite: false })).accepted, /finite/)
    assert.match(refusal(() => Check.duration("t", Infinity, { infinite: false })).accepted, /finite/)
  })

  it("refuses an object that says no time", () => {
    for (const input of [{}, { second: 5 }, { seconds: "5" }, { seconds: Number.NaN }]) {
      refusal(() => Check.duration("t", input as never))
    }
  })
})

describe("known", () => {
  it("lists the accepted names, for a misspelled one", () => {
    const { accepted } = refusal(() => Check.known({ waitmax: 1 }, new Set(["waitMax", "cacheTtl"])))
    assert.include(accepted, "cacheTtl, waitMax")
  })

  it("takes options from a class instance or a prototype, and undefined ones", () => {
    Check.known(Object.create({ waitMax: 5 }), new Set(["waitMax"]))
    refusal(() => Check.known(Object.create({ typo: 5 }), new Set(["waitMax"])))
    Check.known({ waitMax: undefined }, new Set(["waitMax"]))
  })
})

describe("codec and functions", () => {
  it("accept the type that they name, or undefined", () => {
    assert.isUndefined(Check.codec("codec", undefined))
    const codec = { name: "x", encode: () => new Uint8Array(), decode: () => 1 }
    assert.strictEqual(Check.codec("codec", codec), codec)
    for (const value of [null, 5, "json", {}, { ...codec, name: undefined }, { ...codec, decode: 5 }, () => codec]) {
      assert.strictEqual(refusal(() => Check.codec("codec", value)).option, "codec")
    }
    Check.functions("hooks", undefined, new Set(["onHit"]))
    Check.functions("hooks", { onHit: undefined }, new Set(["onHit"]))
    Check.functions("hooks", { onHit: () => 1 }, new Set(["onHit"]))
    assert.strictEqual(refusal(() => Check.functions("hooks", { onHit: 5 }, new Set(["onHit"]))).option, "hooks.onHit")
    assert.strictEqual(
      refusal(() => Check.functions("hooks", { onHit: null }, new Set(["onHit"]))).option,
      "hooks.onHit"
    )
    assert.strictEqual(
      refusal(() => Check.functions("hooks", { onMiss: () => 1 }, new Set(["onHit"]))).option,
      "hooks.onMiss"
    )
    assert.strictEqual(refusal(() => Check.functions("hooks", 5 as never, new Set(["onHit"]))).option, "hooks")
  })
})
