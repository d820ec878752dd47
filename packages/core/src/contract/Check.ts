/**
 * Checks of public options, made once, where they enter. A check that fails throws `InvalidOption`, which names the
 * option, the value and the accepted values, before anything is done.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Adapter } from "./Adapter.ts"
import { InvalidOption } from "./CacheLockingError.ts"

const describe = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  return typeof value === "object" || typeof value === "function" ? kindOf(value) : String(value)
}

/** The kind of a value, in words, and nothing of the value itself. Safe on any value. */
export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (typeof value === "function") return "a function"
  if (typeof value === "string") return "text"
  if (typeof value !== "object") return `a ${typeof value}`
  if (isPromise(value)) return "a promise"
  return isArray(value) ? "an array" : "an object"
}

/** A proxy that was revoked throws even here. */
const isArray = (value: unknown): boolean => {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

/** True for a promise, or an object like one. Safe on any value. */
export const isPromise = (value: unknown): value is PromiseLike<unknown> => {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false
  try {
    return typeof (value as { readonly then?: unknown }).then === "function"
  } catch {
    return false
  }
}

const ignore = (): void => {}

/**
 * Handles a promise that nobody awaits, so that its rejection does not end the process. Other values, and objects that
 * are only like promises, stay untouched: some of them begin their work when `then` is called.
 */
export const silence = (value: unknown): void => {
  if (!isPromise(value)) return
  try {
    Promise.prototype.then.call(value, ignore, ignore)
  } catch {
    // It is only like a promise.
  }
}

/** The error of a bad option. */
export const invalid = (option: string, value: unknown, accepted: string): InvalidOption => {
  silence(value)
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function"
  // It may be a client with its password, or all of an environment, and errors are logged whole.
  return refusal(option, isObject ? kindOf(value) : value, describe(value), accepted)
}

const refusal = (option: string, value: unknown, shown: string, accepted: string): InvalidOption =>
  new InvalidOption({
    option,
    value,
    accepted,
    context: { phase: "options" },
    message: `${option} is ${shown}; accepted: ${accepted}`
  })

/** The error of a user's function that answered something other than it should. It shows nothing of the answer. */
export const wrongAnswer = (option: string, answer: string, accepted: string, cause?: unknown): InvalidOption =>
  new InvalidOption({
    option,
    value: answer,
    accepted,
    context: { phase: "fetch" },
    message: `${option} answered ${answer}; accepted: ${accepted}`,
    ...(cause === undefined ? {} : { cause })
  })

/**
 * The effect that a user's function answered. Any other answer fails here: Effect would end the whole fiber for it,
 * without its finalizers, and a lease would stay behind.
 */
export const effect = <A, E, R>(option: string, answer: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  if (Effect.isEffect(answer)) return answer
  silence(answer)
  return Effect.fail(wrongAnswer(option, kindOf(answer), "an effect")) as Effect.Effect<never, never>
}

/** The answer of a user's function that must not answer with a promise. */
export const settledAnswer = <A>(option: string, answer: A): A => {
  if (!isPromise(answer)) return answer
  silence(answer)
  throw wrongAnswer(option, "a promise", "a value, not a promise")
}

/** A whole number of at least `min`, and at most `max` if there is one; or `Infinity` when that is the default. */
export const integer = (
  option: string,
  value: number | undefined,
  rule: { readonly min: number; readonly max?: number; readonly default: number }
): number => {
  if (value === undefined) return rule.default
  const { max = Infinity, min } = rule
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  if (value === Infinity && rule.default === Infinity) return value
  throw invalid(option, value, `a whole number ${max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`}`)
}

/** A finite number of at least `min`, and at most `max` if there is one. */
export const number = (
  option: string,
  value: number | undefined,
  rule: { readonly min: number; readonly max?: number; readonly default: number }
): number => {
  if (value === undefined) return rule.default
  const { max = Infinity, min } = rule
  if (typeof value === "number" && Number.isFinite(value) && value >= min && value <= max) return value
  throw invalid(
    option,
    value,
    max === Infinity ? `a finite number of at least ${min}` : `a number from ${min} to ${max}`
  )
}

/** A function, or its default. */
export const fn = <F>(option: string, value: F | undefined, otherwise: F): F => {
  if (value === undefined) return otherwise
  if (typeof value === "function") return value
  throw invalid(option, value, "a function")
}

/** A required function. */
export const required = (option: string, value: unknown): void => {
  if (typeof value !== "function") throw invalid(option, value, "a function")
}

/** The range of a duration option. */
export interface DurationRule {
  /** Milliseconds; 0 unless given. */
  readonly min?: number
  /** Milliseconds; without end unless given. */
  readonly max?: number
  /** True, the default, when the duration may be infinite. */
  readonly infinite?: boolean
}

/** Milliseconds of an Effect `Duration` input. */
export const duration = (option: string, value: Duration.Input, rule: DurationRule = {}): number => {
  const parsed = typeof value === "number" ? value : parse(value)
  const min = rule.min ?? 0
  const max = rule.max ?? Infinity
  if (parsed >= min && parsed <= max && (parsed !== Infinity || rule.infinite !== false)) return parsed
  const least = min === 0 ? "of 0 or more" : `of at least ${min} ms`
  const bound = max === Infinity ? least : `${least} and at most ${max} ms`
  const end = rule.infinite === false ? ", finite" : ""
  throw invalid(option, value, `a duration ${bound}${end} (milliseconds, "5 seconds", { seconds: 5 }, Duration)`)
}

const units: ReadonlySet<string> = new Set([
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
])

/** Effect's parser skips names that it does not know. A misspelled unit must not become a duration of zero. */
const isDurationInput = (value: Duration.Input): boolean => {
  if (value === null || value === undefined) return false
  if (typeof value !== "object" || Duration.isDuration(value)) return true
  if (Array.isArray(value)) return value.length === 2 && value.every((part) => typeof part === "number" && part >= 0)
  const parts = Object.entries(value as object)
  return (
    parts.length > 0 &&
    parts.every(([unit, amount]) => units.has(unit) && typeof amount === "number" && !Number.isNaN(amount))
  )
}

const parse = (value: Duration.Input): number => {
  if (!isDurationInput(value)) return Number.NaN
  const found = Duration.fromInput(value)
  return Option.isSome(found) ? Duration.toMillis(found.value) : Number.NaN
}

/** True or false. */
export const bool = (option: string, value: boolean | undefined, otherwise: boolean): boolean => {
  if (value === undefined) return otherwise
  if (typeof value === "boolean") return value
  throw invalid(option, value, "true or false")
}

/** One of a few words. */
export const oneOf = <const A extends string>(
  option: string,
  value: A | undefined,
  words: ReadonlyArray<A>,
  otherwise: A
): A => {
  if (value === undefined) return otherwise
  if (words.includes(value)) return value
  throw invalid(option, value, words.map((word) => JSON.stringify(word)).join(", "))
}

/** Every key of this library's own records, of tags for instance, begins with this character. No cache key does. */
export const reserved = "\u0001"

/** True for the key of one of this library's own records. */
export const isReserved = (key: string): boolean => key.startsWith(reserved)

/** A cache key: a string that is not empty and not the key of one of this library's own records. */
export const key = (value: string): string => {
  // UTF-8 cannot keep a lone surrogate: another key's value would be found under it, or none.
  if (typeof value === "string" && value !== "" && !isReserved(value) && value.isWellFormed()) return value
  throw invalid("key", value, "a string that is not empty, without lone surrogates, and does not begin with U+0001")
}

/** Refuses options that do not exist: a misspelled one from JavaScript is an error, not ignored. */
export const known = (options: object, names: ReadonlySet<string>, within = ""): void => {
  if (typeof options !== "object" || options === null) {
    throw invalid(within === "" ? "options" : within.slice(0, -1), options, "an object")
  }
  for (const name in options) {
    if (!names.has(name)) {
      const value = (options as Record<string, unknown>)[name]
      const accepted = `no option of that name; there are ${[...names].sort().join(", ")}`
      // Nobody knows what the text was meant for: a `url` has a password in it.
      throw typeof value === "string"
        ? refusal(within + name, "text", "text", accepted)
        : invalid(within + name, value, accepted)
    }
  }
}

/** Text, or its default. */
export const text = (option: string, value: string | undefined, otherwise: string): string => {
  if (value === undefined) return otherwise
  if (typeof value === "string") return value
  throw invalid(option, value, "a string")
}

/** A codec, as `Codec` makes them. */
export const codec = <A>(option: string, value: A): A => {
  if (value === undefined) return value
  const { decode, encode, name } = (value ?? {}) as Record<string, unknown>
  if (typeof name === "string" && typeof encode === "function" && typeof decode === "function") return value
  throw invalid(option, value, "a codec: a name, encode and decode, as in Codec.json()")
}

/** An object of functions, each with a known name. */
export const functions = (option: string, value: object | undefined, names: ReadonlySet<string>): void => {
  if (value === undefined) return
  known(value, names, `${option}.`)
  for (const [name, f] of Object.entries(value)) fn(`${option}.${name}`, f, undefined)
}

const verbs = [
  "acquire",
  "fill",
  "abandon",
  "renew",
  "delete",
  "put",
  "touch",
  "read"
] as const satisfies ReadonlyArray<keyof Adapter>

const isFunction = (value: unknown): boolean => typeof value === "function"

const missingFrom = (given: { readonly [name: string]: unknown }): ReadonlyArray<string> => [
  ...verbs.filter((verb) => !isFunction(given[verb])),
  ...(typeof given["limits"] === "object" && given["limits"] !== null ? [] : ["limits"])
]

/** Describes the fault; `undefined` for an adapter. Never shows the contents. */
const problem = (given: unknown): string | undefined => {
  if (given === undefined || given === null) return `it is ${given}`
  if (isFunction(given)) return "it is a function: call it (`make(options)`) and pass its result"
  if (typeof given !== "object") return `it is a ${typeof given}`
  if (isPromise(given)) return "it is a promise: await it first"
  const parts = given as { readonly [name: string]: unknown }
  const missing = missingFrom(parts)
  if (missing.length === 0) return undefined
  if (isFunction(parts["get"]) && isFunction(parts["set"]) && !isFunction(parts["acquire"])) {
    return "it keeps values but cannot decide a race: give it leases with `ValueStore.withLeases(values, leases)`"
  }
  if (isFunction(parts["writeIf"]) && isFunction(parts["read"])) {
    return "it is a conditional store: make it an adapter with `ConditionalStore.make(store)`"
  }
  if (isFunction(parts["make"])) return "it is an adapter's module: call its `make(options)`"
  return `it has no ${missing.join(", ")}`
}

/** True for an object with the members that every adapter has. */
export const isAdapter = (given: unknown): given is Adapter => problem(given) === undefined

/** An adapter. The error names the kind of value given instead, and shows nothing of it: it may hold a client and its password. */
export const adapter = (option: string, given: unknown): Adapter => {
  const wrong = problem(given)
  if (wrong === undefined) return given as Adapter
  const accepted = "an adapter, as the adapter packages make it"
  throw new InvalidOption({
    option,
    value: typeof given,
    accepted,
    context: { phase: "options" },
    message: `${option} is not an adapter: ${wrong}; accepted: ${accepted}`
  })
}

/** The longest that a timer of the platform can run. A longer one ends at once. */
export const longestTimer: number = 2 ** 31 - 1

/** The option `commandTimeout` of every adapter that leaves the process. */
export const commandTimeout = (
  { commandTimeout }: { readonly commandTimeout?: Duration.Input | undefined },
  otherwise: Duration.Input
): number => duration("commandTimeout", commandTimeout ?? otherwise, { min: 1, max: longestTimer, infinite: false })

/** Runs checks as an effect that fails with the error that they throw. */
export const attempt = <A>(checks: () => A): Effect.Effect<A, InvalidOption> =>
  Effect.try({ try: checks, catch: (error) => error as InvalidOption })
