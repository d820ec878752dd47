/** Short forms of the most frequent calls in tests of an adapter. They need no test runner. */
import {
  type Acquired,
  type AcquireOptions,
  type Adapter,
  type AdapterError,
  type Failures,
  type Hit,
  hasTag,
  type InvalidOption,
  type Leader,
  type Lifetime,
  type Value
} from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Runs an effect as a promise. */
export const run = Effect.runPromise

/** The verdict in an error: if asking again may help, and if only after a pause. */
export const verdictOf = ({ reason, retryAfter }: AdapterError): Failures.Verdict => {
  if (reason === "Rejected") return "final"
  return retryAfter === undefined ? "passes" : "throttled"
}

/** The typed failure of an effect; rejects where it succeeds. */
export const failureOf = <E>(effect: Effect.Effect<unknown, E>): Promise<E> =>
  run(Effect.flip(effect)) as Promise<unknown> as Promise<E>

/** Pauses for at least this many milliseconds. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until a condition holds, for two minutes at most; `what` names the condition. */
export const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const end = performance.now() + 120_000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not come within two minutes`)
    await sleep(5)
  }
}

/** A minute, in milliseconds: longer than any test of one call. */
export const minute = 60_000

export const lifetime = (fresh: number, stale = 0): Lifetime => ({ fresh, stale })

/** These bytes as a value. */
export const value = (...bytes: ReadonlyArray<number>): Value => ({ bytes: Uint8Array.from(bytes) })

/** Text as a value. */
export const text = (words: string): Value => ({ bytes: new TextEncoder().encode(words) })

/** The options of an acquire: ten seconds of lease, unless `more` says otherwise. */
export const ask = (owner: string, more: Partial<AcquireOptions> = {}): AcquireOptions => ({
  owner,
  leaseFor: 10_000,
  ...more
})

/** Asks for a key, and must lead. */
export const lead = async (
  adapter: Adapter,
  key: string,
  owner = "me",
  more: Partial<AcquireOptions> = {}
): Promise<Leader> => {
  const found = await run(adapter.acquire(key, ask(owner, more)))
  if (found._tag !== "Leader") throw new Error(`expected to lead, not ${found._tag}`)
  return found
}

/** The answer, which must be a hit. */
export const hit = (found: Acquired): Hit => {
  if (found._tag !== "Hit") throw new Error(`expected a hit, not ${found._tag}`)
  return found
}

/** Asks for a key, and must hit. */
export const hitOf = async (adapter: Adapter, key: string, owner = "you"): Promise<Hit> =>
  hit(await run(adapter.acquire(key, ask(owner))))

/** Asks for a key, and returns the tag of the answer: `"Hit"`, `"Leader"`, `"Follower"` or `"Cooling"`. */
export const tagOf = async (adapter: Adapter, key: string, owner = "you"): Promise<Acquired["_tag"]> =>
  (await run(adapter.acquire(key, ask(owner))))._tag

/** Stores a value that is fresh for a minute, unless `more` says otherwise. */
export const put = (adapter: Adapter, key: string, given: Value = value(1), life = lifetime(minute)): Promise<void> =>
  run(adapter.put(key, { value: given, lifetime: life }))

/** Leads a key and fills it, as a load does; fails where the fill is not held. */
export const load = async (adapter: Adapter, key: string, given: Value = value(1), life = lifetime(minute)) => {
  const { token } = await lead(adapter, key)
  const held = await run(adapter.fill(key, { token, value: given, lifetime: life }))
  if (!held) throw new Error("the fill was not held")
}

/** The keys that an adapter lists, in the order of their text. */
export const listed = async (adapter: Adapter, prefix = ""): Promise<Array<string>> =>
  [...(await run(Stream.runCollect(adapter.keys!(prefix))))].sort()

/** Runs the effect with the process's clock off by this much. Effect's clock goes by `Date.now`, too. */
export const skewedBy = <A, E, R>(skew: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const real = Date.now
      Date.now = () => real() + skew
      return real
    }),
    () => effect,
    (real) =>
      Effect.sync(() => {
        Date.now = real
      })
  )

/** The error by which an adapter refuses its options. Throws where they are accepted, or where the error shows the word `secret`. */
export const refusalOf = (make: () => unknown): InvalidOption => {
  try {
    make()
  } catch (error) {
    if (!hasTag(error, "INVALID_OPTION")) throw error
    const shown = `${error} ${JSON.stringify([error, { ...error }])} ${error.cause}`
    if (shown.includes("secret")) throw new Error(`the error shows a secret: ${error.message}`)
    if (error.accepted === "") throw new Error(`the error does not name the accepted values of ${error.option}`)
    return error
  }
  throw new Error("the options were accepted")
}

/** A listener of changes that ignores them. */
const ignoring = { changed: () => {}, lost: () => {}, restored: () => {} }

/** A call of a verb, and the verb's name. */
export type Call = readonly [operation: AdapterError["operation"], call: Effect.Effect<unknown, AdapterError>]

/** A token that no store has granted. */
const unknown = "00000000-0000-0000-0000-000000000000" as Leader["token"]

/** A call of every verb that the adapter has, except subscriptions. The values hold the word `secret`. */
export const allVerbs = (adapter: Adapter, key = "k"): ReadonlyArray<Call> => {
  const [token, secret] = [unknown, text("a secret")]
  const keys = [key, `${key} too`]
  const calls: ReadonlyArray<readonly [Call[0], Call[1] | undefined]> = [
    ["acquire", adapter.acquire(key, ask("me"))],
    ["acquire", adapter.acquire(key, ask("me", { force: true }))],
    ["fill", adapter.fill(key, { token, value: secret, lifetime: lifetime(minute) })],
    ["fill", adapter.fill(key, { token, lifetime: lifetime(minute) })],
    ["abandon", adapter.abandon(key, { token })],
    ["abandon", adapter.abandon(key, { token, cooldown: 1_000, cause: secret })],
    ["renew", adapter.renew(key, { token, leaseFor: 1_000 })],
    ["delete", adapter.delete(key)],
    ["put", adapter.put(key, { value: secret, lifetime: lifetime(minute) })],
    ["read", adapter.read(key)],
    ["touch", adapter.touch(key, { freshFor: 1_000 })],
    ["acquireMany", adapter.acquireMany?.(keys, ask("me"))],
    ["keys", adapter.keys && Stream.runDrain(adapter.keys(""))],
    ["deleteMany", adapter.deleteMany?.(keys)]
  ]
  return calls.filter((call): call is Call => call[1] !== undefined)
}

/** A call of every subscription that the adapter has: each ends as soon as it is live. */
export const subscriptions = (adapter: Adapter, key = "k"): ReadonlyArray<Call> => [
  ...(adapter.watch ? [["watch", Effect.scoped(adapter.watch(key))] as const] : []),
  ...(adapter.changes ? [["changes", Effect.scoped(adapter.changes(ignoring))] as const] : [])
]
