/**
 * Whether something given as `adapter` is one, and what to do when it is not.
 */
import type { Adapter } from "./Adapter.ts"
import { InvalidOption } from "./CacheLockingError.ts"

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

const accepted = "an adapter, as the adapter packages make it"

const isFunction = (value: unknown): boolean => typeof value === "function"

const lacks = (given: { readonly [name: string]: unknown }): ReadonlyArray<string> => [
  ...verbs.filter((verb) => !isFunction(given[verb])),
  ...(typeof given["limits"] === "object" && given["limits"] !== null ? [] : ["limits"])
]

/** What is wrong with it, in words; nothing when it is an adapter. Never shows what it holds. */
const problem = (given: unknown): string | undefined => {
  if (given === undefined || given === null) return `it is ${given}`
  if (isFunction(given)) return "it is a function: call it (`make(options)`) and give its answer"
  if (typeof given !== "object") return `it is a ${typeof given}`
  if (given instanceof Promise) return "it is a promise: await it first"
  const parts = given as { readonly [name: string]: unknown }
  const missing = lacks(parts)
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

/** Whether it has what every adapter has. */
export const isAdapter = (given: unknown): given is Adapter => problem(given) === undefined

/**
 * The adapter given, if it is one.
 *
 * @throws InvalidOption that says what it is instead
 */
export const checkAdapter = (given: unknown, option = "adapter"): Adapter => {
  const wrong = problem(given)
  if (wrong === undefined) return given as Adapter
  throw new InvalidOption({
    option,
    // What was given may hold a client and its password.
    value: typeof given,
    accepted,
    context: { phase: "options" },
    message: `${option} is not an adapter: ${wrong}; accepted: ${accepted}`
  })
}
