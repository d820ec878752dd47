/** Law 9, keys: they may hold any Unicode, and every key is its own. */
import { isAdapterError, Namespace } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { prove } from "../world/Case.ts"
import { follows, hits, holds, leads, same } from "../world/Expect.ts"
import { Violation } from "../world/Verdict.ts"
import { value, type World } from "../world/World.ts"

/** Every key is filled with a value of its own; then every one of them still has it, and a lease beside it. */
const allApart = Effect.fnUntraced(function* (w: World, keys: ReadonlyArray<string>) {
  const tokens = yield* Effect.forEach(keys, (key) =>
    Effect.map(w.ask(w.here, key), (found) => leads(found, `asking for ${JSON.stringify(key)}`).token)
  )
  for (const [index, key] of keys.entries()) {
    follows(yield* w.ask(w.there, key), `another asking for ${JSON.stringify(key)}`)
    yield* w.fill(w.here, tokens[index]!, value(`${index}`), w.longLife, key)
  }
  for (const [index, key] of keys.entries()) {
    hits(yield* w.ask(w.there, key), value(`${index}`), `the value of ${JSON.stringify(key)}`)
  }
  const [touched] = keys
  same(yield* w.there.touch(touched!, { freshFor: 4 * w.time.long }), true, `touching ${JSON.stringify(touched)}`)
  for (const key of keys) {
    const { freshFor } = yield* w.here.read(key)
    same(freshFor > 2 * w.time.long, key === touched, `whether ${JSON.stringify(key)} was touched`)
  }
  for (const [index, key] of keys.entries()) {
    same(yield* w.there.delete(key), true, `deleting ${JSON.stringify(key)}`)
    const next = keys[index + 1]
    if (next === undefined) continue
    hits(yield* w.ask(w.here, next), value(`${index + 1}`), `${JSON.stringify(next)}, after another was deleted`)
  }
})

/** The odd text at both ends and in the middle of a name of our own. */
const around = (w: World, odd: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [one, two] = [w.name(), w.name()]
  return odd.map((text) => `${text}${one}${text}${two}${text}`)
}

/** Names that every object of JavaScript has, and words that stand for a value. */
const properties = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"]
const literals = ["null", "undefined", "NaN", "0", "-0", "1e3"]

/** Text that adapters put before or after a key to separate its records. */
const parts = ["lease", "lock", "value", "v", "l", "t", "token", "owner", "cooldown", "stale", "meta", "data", "entry"]
const separators = [":", "/", ".", "-", "_", "#", "@", "|"]

export const keys = [
  prove("9", "keys that differ in case are different keys", function* (w) {
    const name = w.name()
    yield* allApart(w, [
      `${name}a`,
      `${name}A`,
      `A${name}`,
      `a${name}`,
      `${name}ä`,
      `${name}Ä`,
      `${name}ß`,
      `${name}SS`
    ])
  }),

  prove("9", "keys that differ in spaces are different keys", function* (w) {
    const name = w.name()
    yield* allApart(w, [
      name,
      `${name} `,
      ` ${name}`,
      `${name}  `,
      `${name}\t`,
      `${name}\n`,
      `${name}\r\n`,
      `${name}\u00a0`
    ])
  }),

  prove("9", "keys that differ in Unicode form are different keys", function* (w) {
    const name = w.name()
    yield* allApart(w, [
      `${name}\u00e9`,
      `${name}e\u0301`,
      `${name}\ufb01`,
      `${name}fi`,
      `${name}\ufeff`,
      `\ufeff${name}`
    ])
  }),

  prove("9", "a key may hold quotes, dollars, percents and backslashes", function* (w) {
    const name = w.name()
    const odd = ["'", '"', "`", "$", "$1", "$$", "%", "%s", "%00", "%41", "\\", "\\n", "\\0", "''", ";--"]
    // An adapter that decodes or unescapes its keys would take the ones above for these.
    const alike = ["%41", "A", "%2525", "%25", "\\n", "\n", "\\\\", "&amp;", "&", "+", "%20", " "]
    yield* allApart(w, [...around(w, odd), ...alike.map((text) => name + text)])
  }),

  prove("9", "a key may hold the characters of patterns", function* (w) {
    yield* allApart(w, around(w, ["*", "?", "[a-z]", "[^a]", "^", ".", ".*", "+", "(", ")", "|", "_", "~", "!"]))
  }),

  prove("9", "a key may hold braces, wherever a cluster would look for them", function* (w) {
    const name = w.name()
    const odd = ["{", "}", "{}", "{}x", "x{}", "{x}", "{x}y", "y{x}", "{{x}}", "{x}{y}", "}{", "}x{"]
    yield* allApart(w, [...around(w, odd), ...odd.map((text) => text + name)])
  }),

  prove("9", "a key may hold separators, slashes and dots", function* (w) {
    const odd = ["/", "//", "../", "./", "a/../b", "?a=b&c", "#", "#a", ":", "::", "@", ",", "=", "&", "<a>", "^@"]
    yield* allApart(w, around(w, odd))
  }),

  prove("9", "a key may hold NUL and control characters", function* (w) {
    const name = w.name()
    const odd = ["\u0000", "\u0001", "\u0007", "\u001b", "\u001f", "\u007f", "\u0085", "\u2028", "\u200b"]
    // Only the text after it differs: nothing may be cut there.
    const cut = odd.flatMap((text) => [`${name}${text}a`, `${name}${text}b`])
    yield* allApart(w, [name, ...around(w, odd), ...cut])
  }),

  prove("9", "a key may hold letters of any script, and emoji", function* (w) {
    yield* allApart(w, around(w, ["ÿ", "漢字", "שלום", "नमस्ते", "🙂", "👩‍👩‍👧", "🇨🇭", "\u{10ffff}", "\uffff", "\ufffd"]))
  }),

  prove("9", "a key may be the name of a JavaScript property", function* (w) {
    const words = [...properties, ...literals]
    yield* allApart(w, [...around(w, words), ...words.map((word) => word + w.name())])
  }),

  prove("9", "a key may be nothing but the name of a JavaScript property", function* (w) {
    const words = [...properties, ...literals]
    // These keys are of no run alone: another run puts the same values there, and may delete them at any time.
    let missing: ReadonlyArray<string> = words
    for (let attempt = 0; attempt < 5 && missing.length > 0; attempt++) {
      const put = (key: string) => w.here.put(key, { value: value(`of ${key}`), lifetime: w.longLife })
      yield* Effect.forEach(words, put, { concurrency: 8, discard: true })
      const found = yield* Effect.forEach(words, (key) => w.there.read(key), { concurrency: 8 })
      missing = words.filter((_, n) => found[n]!.value === undefined)
      for (const [n, key] of words.entries()) {
        const bytes = found[n]!.value?.bytes
        if (bytes !== undefined) same(bytes, value(`of ${key}`).bytes, `the value of ${JSON.stringify(key)}`)
      }
    }
    same(missing.join(), "", "the keys without the value that was put there")
    yield* Effect.forEach(words, (key) => w.here.delete(key), { concurrency: 8, discard: true })
  }),

  prove("9", "a cache's name may be the name of a JavaScript property", function* (w) {
    const key = w.name()
    yield* allApart(w, [...properties.map((name) => Namespace.prefixOf(name) + key), key])
  }),

  prove("9", "keys that begin or end with one another are different keys", function* (w) {
    const name = w.name()
    yield* allApart(w, [
      name,
      `${name}a`,
      `${name}ab`,
      `${name}a:`,
      `${name}a:b`,
      `a${name}`,
      `:${name}`,
      `${name}:`,
      name + name
    ])
  }),

  prove("9", "caching the key lease:x never touches the lease of x", function* (w) {
    for (const part of parts) {
      const x = w.name()
      const others = separators.flatMap((by) => [`${part}${by}${x}`, `${x}${by}${part}`, `${part}${by}{${x}}`])
      const token = yield* w.lead(w.here, x)
      yield* Effect.forEach(others, (key) => w.there.put(key, { value: value(key), lifetime: w.longLife }), {
        concurrency: 8
      })
      follows(yield* w.ask(w.there, x), `another asking for ${x}, after ${part}:${x} was stored`)
      yield* Effect.forEach(others, (key) => w.there.delete(key), { concurrency: 8 })
      follows(yield* w.ask(w.there, x), `another asking for ${x}, after ${part}:${x} was deleted`)
      yield* w.fill(w.here, token, value("x"), w.longLife, x)
      same((yield* w.there.read(others[0]!)).value, undefined, `the value of ${part}:${x}, after ${x} was filled`)
    }
  }),

  prove("9", "leading the key lease:x never touches the value of x", function* (w) {
    for (const part of parts) {
      const x = w.name()
      const others = separators.flatMap((by) => [`${part}${by}${x}`, `${x}${by}${part}`])
      yield* w.filled(w.here, value("x"), w.longLife, x)
      const tokens = yield* Effect.forEach(others, (key) => w.lead(w.there, key), { concurrency: 8 })
      hits(yield* w.ask(w.there, x), value("x"), `the value of ${x}, after ${part}:${x} was led`)
      yield* Effect.forEach(others, (key, index) => w.there.abandon(key, { token: tokens[index]! }), { concurrency: 8 })
      hits(yield* w.ask(w.here, x), value("x"), `the value of ${x}, after ${part}:${x} was abandoned`)
    }
  }),

  prove("9", "keys of 10,000 bytes that differ in their last character are different keys, or refused", function* (w) {
    const long = w.name() + "k".repeat(10_000)
    if (w.here.limits.keyBytes < long.length + 1) {
      yield* refused(w, long)
      return
    }
    yield* allApart(w, [long, `${long}a`, `${long}b`, `a${long}`])
  }),

  prove("9", "keys with lone surrogates are refused, or different keys", function* (w) {
    const name = w.name()
    const odd = [`${name}\ud800`, `${name}\ud801`, `${name}\udc00`]
    const first = yield* Effect.result(w.here.read(odd[0]!))
    if (Result.isFailure(first)) for (const key of odd) yield* refused(w, key)
    else yield* allApart(w, [...odd, `${name}\ufffd`])
  })
]

/** Every verb refuses the key. */
const refused = Effect.fnUntraced(function* (w: World, key: string) {
  for (const verb of [
    w.ask(w.here, key),
    w.here.put(key, { value: value("v"), lifetime: w.longLife }),
    w.here.delete(key),
    w.here.touch(key, { freshFor: w.time.long }),
    w.here.read(key)
  ]) {
    const result = yield* Effect.result(verb)
    if (Result.isSuccess(result))
      throw new Violation(`one verb refuses ${JSON.stringify(key.slice(0, 20))}, another does not`)
    const { failure } = result
    holds(isAdapterError(failure) && failure.reason === "Rejected", "the refusal is a Rejected AdapterError")
  }
})
