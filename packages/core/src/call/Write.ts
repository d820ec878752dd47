/**
 * Writes of one key: `set` and `delete`.
 */
import * as Effect from "effect/Effect"
import { CacheDeleteFailed, type CacheLockingError, CacheSetFailed } from "../contract/CacheLockingError.ts"
import * as Check from "../contract/Check.ts"
import type { Engine } from "../flight/Engine.ts"
import { shared } from "../flight/Fetcher.ts"
import * as Policy from "../options/Policy.ts"
import * as Tags from "../tags/Tags.ts"
import { ask, guard } from "./Preconditions.ts"

const names: ReadonlySet<string> = new Set(["cacheTtl", "staleWhileRevalidate", "staleIfError", "tags", "origin"])

/** The options of `set`. */
export interface SetOptions<in out A, out E = never, out R = never>
  extends Pick<Policy.Options<A>, "cacheTtl" | "staleWhileRevalidate" | "staleIfError" | "tags"> {
  /** Writes the value to its origin first. The cache changes only if that succeeds. */
  readonly origin?: ((key: string, value: A) => Effect.Effect<unknown, E, R>) | undefined
}

export const set = <A, E, R>(
  engine: Engine,
  base: Policy.Policy,
  key: string,
  value: A,
  options: SetOptions<A, E, R> | undefined
): Effect.Effect<void, CacheLockingError | E, R> =>
  guard(engine, key, (): Effect.Effect<void, CacheLockingError | E, R> => {
    const { adapter, counters, valueCodec } = engine
    const given = Effect.mapError(shared(key, value), (error) => counters.erred(error))
    if (options !== undefined) Check.known(options, names)
    const { origin, ...own } = options ?? {}
    const write = Check.fn("origin", origin, undefined)
    const policy = options === undefined ? base : Policy.make(own, base)
    const tags = Tags.of(policy, policy.tags, key, value)
    const whole = Policy.lifetimeOf(policy, value, key, Math.random())
    const lifetime = tags.length === 0 ? whole : Tags.bounded(whole)
    // A value that may not be kept still replaces the old one, which is deleted.
    const kept = lifetime.fresh + lifetime.stale > 0
    const current = ask(engine, key, "read", CacheSetFailed, () => Tags.current(adapter, tags))
    // Encoded before the origin is written: a value that cannot be kept is written nowhere.
    const ready = kept
      ? Effect.map(
          Effect.flatMap(current, (tags) => valueCodec.encode(key, value, { cost: 0, tags })),
          (sealed) =>
            ask(engine, key, "put", CacheSetFailed, (adapter) => adapter.put(key, { value: sealed, lifetime }))
        )
      : Effect.succeed(Effect.asVoid(remove(engine, key)))
    return Effect.flatMap(Effect.andThen(given, ready), (put) => {
      counters.sets++
      if (write === undefined) return put
      const written = Effect.suspend(() => Check.effect("origin", write(key, value)))
      return Effect.andThen(written, put)
    })
  })

/** Removes a value and voids the load that is under way; true when there was a value. */
export const remove = (engine: Engine, key: string): Effect.Effect<boolean, CacheLockingError> =>
  guard(engine, key, () => {
    engine.counters.deletes++
    return ask(engine, key, "delete", CacheDeleteFailed, (adapter) => adapter.delete(key))
  })
