/**
 * The two faces of a cache: effects and promises. Each is given here as effects, so that a story's caller may use either.
 */
import type { Answer, Cache, HookContext } from "@cache-locking/core"
import type { ListingPromiseCache, PromiseCallOptions } from "@cache-locking/core/promise"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Versioned } from "../story/History.ts"

export type Asked<A> = Effect.Effect<A, unknown>

export type Values = ReadonlyMap<string, Versioned>

export type Options = Omit<PromiseCallOptions<Versioned>, "hooks" | "signal">

/** Hears the outcome of each key of a batch. */
export type Told = (value: Versioned, context: HookContext) => void

/** A caller that is interrupted leaves: it waits no longer. */
export interface Face {
  readonly get: (key: string) => Asked<Versioned | undefined>
  readonly getMany: (keys: ReadonlyArray<string>) => Asked<Values>
  readonly getOrSet: (key: string, load: Asked<Versioned>, options: Options | undefined) => Asked<Answer<Versioned>>
  readonly refresh: (key: string, load: Asked<Versioned>, options: Options | undefined) => Asked<Answer<Versioned>>
  readonly getOrSetMany: (
    keys: ReadonlyArray<string>,
    load: (keys: ReadonlyArray<string>) => Asked<Values>,
    options: Options | undefined,
    told: Told
  ) => Asked<Values>
  readonly set: (key: string, value: Versioned, tags: ReadonlyArray<string>) => Asked<void>
  readonly delete: (key: string) => Asked<unknown>
  readonly invalidateTag: (tag: string) => Asked<void>
  readonly explain: (key: string) => Asked<Cache.Explanation>
  readonly stats: () => ReturnType<Cache.Cache<Versioned>["stats"]>
  readonly close: (options: { readonly within: number | undefined }) => Asked<void>
}

const hooksOf = <A>(hook: (value: Versioned, context: HookContext) => A) => ({
  onHit: hook,
  onLeader: hook,
  onFallback: hook
})

/** The face of effects. */
export const ofEffects = (cache: Cache.ListingCache<Versioned>): Face => ({
  get: (key) => Effect.map(cache.get(key), Option.getOrUndefined),
  getMany: cache.getMany,
  getOrSet: (key, load, options) => cache.getOrSet(key, () => load, options),
  refresh: (key, load, options) => cache.refresh(key, () => load, options),
  getOrSetMany: (keys, load, options, told) => {
    const hooks = hooksOf((value, context) => Effect.sync(() => told(value, context)))
    return cache.getOrSetMany(keys, load, { ...options, hooks })
  },
  set: (key, value, tags) => cache.set(key, value, { tags }),
  delete: cache.delete,
  invalidateTag: cache.invalidateTag,
  explain: cache.explain,
  stats: cache.stats,
  close: cache.close
})

/** The reason with which a caller of promises leaves. */
class CallerLeft extends Data.TaggedError("CALLER_LEFT")<{}> {}

/** A promise whose caller, when it is interrupted, aborts its signal. The promise has to reject with the signal's reason then. */
const awaited = <A>(ask: (signal: AbortSignal) => Promise<A>): Asked<A> =>
  Effect.callback((resume) => {
    const controller = new AbortController()
    const asked = ask(controller.signal)
    asked.then(
      (value) => resume(Effect.succeed(value)),
      (error) => resume(Effect.fail(error))
    )
    return Effect.promise(async () => {
      const reason = new CallerLeft()
      controller.abort(reason)
      const error: unknown = await asked.then(
        () => undefined,
        (error) => error
      )
      if (error !== reason) throw new Error(`a caller left, and its promise ended otherwise: ${error}`)
    })
  })

/** The face of promises. Its fetchers obey their signals. */
export const ofPromises = (cache: ListingPromiseCache<Versioned>, context: Context.Context<never>): Face => {
  const promised = <A>(load: Asked<A>, signal: AbortSignal): Promise<A> =>
    Effect.runPromiseWith(context)(load, { signal })
  const awaitedOnly = <A>(ask: () => Promise<A>): Asked<A> => Effect.tryPromise({ try: ask, catch: (error) => error })
  return {
    get: (key) => awaitedOnly(() => cache.get(key)),
    getMany: (keys) => awaitedOnly(() => cache.getMany(keys)),
    getOrSet: (key, load, options) =>
      awaited((signal) => cache.getOrSetWithMeta(key, (own) => promised(load, own.signal), { ...options, signal })),
    refresh: (key, load, options) =>
      awaited((signal) => cache.refresh(key, (own) => promised(load, own.signal), { ...options, signal })),
    getOrSetMany: (keys, load, options, told) =>
      awaited((signal) =>
        cache.getOrSetMany(keys, (some, own) => promised(load(some), own.signal), {
          ...options,
          signal,
          hooks: hooksOf(told)
        })
      ),
    set: (key, value, tags) => awaitedOnly(() => cache.set(key, value, { tags })),
    delete: (key) => awaitedOnly(() => cache.delete(key)),
    invalidateTag: (tag) => awaitedOnly(() => cache.invalidateTag(tag)),
    explain: (key) => awaitedOnly(() => cache.explain(key)),
    stats: cache.stats.bind(cache),
    close: (options) => awaitedOnly(() => cache.close(options))
  }
}
