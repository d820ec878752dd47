/**
 * Canaries: words that nobody may be told. A cache is given a value, a tag and failures that hold them. Then all that it tells
 * is searched: errors, log lines, spans, `explain`, figures, and the failure that it leaves in the store.
 */
import { type Adapter, Cache, formatCacheLockingError, isCacheLockingError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"
import { lifetime, minute, run, text } from "./Calls.ts"
import { ensure } from "./Check.ts"

const canaries = ["value", "tag", "url", "header", "body", "cause"].map((what) => `canary-of-a-${what}`)
const [inValue, inTag, inUrl, inHeader, inBody, inCause] = canaries as [string, string, string, string, string, string]

/** What an origin's client rejects with: the request, its headers and parameters beside the message. */
const failureOfClient = () =>
  Object.assign(new Error("the origin failed", { cause: Object.assign(new Error("why"), { parameters: [inCause] }) }), {
    name: "AxiosError",
    code: "ERR_BAD_RESPONSE",
    config: { url: `https://me:${inUrl}@origin?key=${inUrl}`, headers: { authorization: inHeader }, data: inBody },
    response: { status: 500, headers: { "set-cookie": [inHeader] }, data: inBody }
  })

const decoder = new TextDecoder()

/** True where the word is in anything that a logger, an inspector or a serializer could find in a thing. */
export const shows = (thing: unknown, word: string, met = new Set<unknown>()): boolean => {
  if (typeof thing === "string") return thing.includes(word)
  if (thing instanceof Uint8Array) return decoder.decode(thing).includes(word)
  if (typeof thing !== "object" || thing === null || met.has(thing)) return false
  met.add(thing)
  if (thing instanceof Map || thing instanceof Set) return shows([...thing], word, met)
  return Reflect.ownKeys(thing).some(
    (name) => shows(name, word, met) || shows((thing as Record<PropertyKey, unknown>)[name], word, met)
  )
}

/** Something that was told, and what it is. */
type Told = readonly [what: string, thing: unknown]

/**
 * Runs a cache over the adapter, whether its store can be reached or not, and fails if it tells any secret that it was given.
 * The fetcher's own failure is no secret to the callers of this process: they, and their hooks, get it whole.
 *
 * @param secrets words of the adapter's own that nobody may be told: a password, a prefix, a token
 */
export const keepsSecrets = async (adapter: Adapter, secrets: ReadonlyArray<string> = []): Promise<void> => {
  const told: Array<Told> = []
  const failures = new Set<unknown>()
  const tell = (what: string) => (thing: unknown) => {
    if (!failures.has(thing)) told.push([what, thing])
  }
  const failing = () =>
    Effect.suspend(() => {
      const failure = failureOfClient()
      failures.add(failure)
      return Effect.fail(failure)
    })
  const logger = Logger.make((options) =>
    tell("a log line")([Logger.formatStructured.log(options), options.message, options.cause])
  )
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })

  const use = Effect.gen(function* () {
    const value = { words: inValue }
    const tags = [inTag]
    const cache = yield* Cache.make<unknown>({
      adapter,
      cacheTtl: "1 minute",
      cooldown: "1 minute",
      cooldownMax: "1 minute",
      onCooling: "fail",
      hooks: {
        // Its cause is the failure of the fetcher, whole.
        onError: (error) => Effect.sync(() => tell("onError")([formatCacheLockingError(error), error.context]))
      }
    })
    const asked = <A, E>(what: string, call: Effect.Effect<A, E>, answers = false) =>
      Effect.map(Effect.exit(call), (exit) => {
        if (Exit.isSuccess(exit)) return answers ? tell(what)(exit.value) : undefined
        for (const reason of exit.cause.reasons)
          tell(`${what}, which failed`)("error" in reason ? reason.error : reason)
      })
    const loading = Effect.all(
      [
        asked(
          "a load",
          cache.getOrSet("loaded", () => Effect.succeed(value), { tags })
        ),
        asked("a load that failed", cache.getOrSet("failed", failing)),
        asked(
          "a load of many",
          cache.getOrSetMany(["many"], () => Effect.succeed([["many", value]]))
        ),
        asked("a set", cache.set("set", value, { tags })),
        asked("a set of what cannot be encoded", cache.set("odd", { words: inValue, f: () => inValue })),
        asked(
          "a value that expires",
          cache.getOrSet("old", () => Effect.succeed(value), { cacheTtl: 1, staleWhileRevalidate: "1 minute" })
        ),
        asked("junk in the store", adapter.put("junk", { value: text(inValue), lifetime: lifetime(minute) }))
      ],
      { concurrency: "unbounded" }
    )
    yield* loading
    yield* Effect.sleep(5)
    yield* Effect.all(
      [
        asked("a read", cache.get("loaded")),
        asked("a read of many", cache.getMany(["loaded", "set"])),
        asked("a read of junk", cache.get("junk")),
        asked("a refresh that failed", cache.refresh("set", failing)),
        asked("a refresh in the background", cache.getOrSet("old", failing, { staleWhileRevalidate: "1 minute" })),
        asked("explain", cache.explain("loaded"), true),
        asked("explain of a failed load", cache.explain("failed"), true),
        asked("the end of a tag", cache.invalidateTag(inTag)),
        asked("a delete", cache.delete("many")),
        asked(
          "the failure in the store",
          Effect.map(adapter.read("failed"), ({ cooling }) => cooling?.cause?.bytes),
          true
        ),
        // By reference, callers get the very failure.
        ...(adapter.keepsReferences
          ? []
          : [
              asked(
                "a failure from the store",
                cache.getOrSet("failed", () => Effect.succeed(value))
              )
            ])
      ],
      { concurrency: "unbounded" }
    )
    yield* Effect.sleep(5)
    tell("stats")(cache.stats())
    yield* Effect.all(
      ["loaded", "failed", "many", "set", "odd", "old", "junk"].map((key) => asked("an end", cache.delete(key))),
      { concurrency: "unbounded" }
    )
  })
  await run(
    Effect.scoped(use).pipe(Effect.provide(Logger.layer([logger])), Effect.provideService(Tracer.Tracer, tracer))
  )
  for (const { attributes, events, links, name } of spans) tell(`the span ${name}`)([name, attributes, events, links])
  for (const [what, thing] of told) {
    for (const word of [...canaries, ...secrets]) {
      const by = isCacheLockingError(thing) ? ` (${formatCacheLockingError(thing)})` : ""
      ensure(!shows(thing, word), `${what} shows ${word}${by}`)
    }
  }
}
