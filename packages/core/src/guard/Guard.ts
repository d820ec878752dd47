/**
 * The guard of a store: an adapter whose verbs fail at once while the store is down. See `Health`.
 *
 * The health belongs to the store, so all adapters of one identity share it, and so do all names over them. What stays in
 * this process is not guarded.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Adapter, AdapterError, EveryMember, Operation } from "../contract/Adapter.ts"
import * as Identity from "../contract/Identity.ts"
import * as Namespace from "../contract/Namespace.ts"
import type { StoreChange } from "../options/Answer.ts"
import { onWorkers } from "../options/RequestScope.ts"
import { Health } from "./Health.ts"

const inBackground = (): boolean => !onWorkers()

/** The health of a store, by its parts. A store without parts has one, without a name. */
export class StoreHealth {
  private readonly parts = new Map<string | undefined, Health>()
  private readonly listeners = new Set<(change: StoreChange) => void>()
  private readonly adapter: string

  constructor(adapter: string) {
    this.adapter = adapter
  }

  of(part: string | undefined): Health {
    return Identity.getOrMake(this.parts, part, () => {
      const told = (change: StoreChange) => {
        for (const listener of this.listeners) listener(change)
      }
      return new Health(this.adapter, part, inBackground, told)
    })
  }

  /** Milliseconds for which the store, or the part that is down longest, has been down; 0 while all are up. */
  downFor(clock: Clock.Clock): number {
    let longest = 0
    for (const part of this.parts.values()) longest = Math.max(longest, part.downFor(clock))
    return longest
  }

  /** True while a part that is down is asked again and again. */
  get isAsked(): boolean {
    return Array.from(this.parts.values()).some(({ isAsked }) => isAsked)
  }

  /** Calls the listener at each change, until the returned function is called. */
  listen(listener: (change: StoreChange) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Lets requests pass once more, whatever the store did until now. */
  readonly retry: Effect.Effect<void> = Effect.sync(() => {
    for (const part of this.parts.values()) part.tryRequests()
  })

  /** Asks for no part any more. */
  readonly stop: Effect.Effect<void> = Effect.sync(() => {
    for (const part of this.parts.values()) part.stop()
  })
}

const healths = Identity.perObject((_identity: object, adapter: string) => new StoreHealth(adapter))

/** The health of an adapter's store. */
const healthOf = (adapter: Adapter): StoreHealth => healths(Identity.of(adapter), adapter.name)

/** The health behind each adapter that is guarded, by itself or within. */
const guarded = new WeakMap<Adapter, StoreHealth>()

/** The health of the store behind a guarded adapter; `undefined` for one that stays in this process. */
export const health = (adapter: Adapter): StoreHealth | undefined => guarded.get(adapter)

/** Marks an adapter over a guarded one, such as a tier: it needs no guard of its own. */
export const within = <A extends Adapter>(adapter: A, far: Adapter): A => {
  const found = guarded.get(far)
  if (found !== undefined) guarded.set(adapter, found)
  return adapter
}

/** The guarded adapter: the same object for the same adapter. */
export const of = (adapter: Adapter): Adapter =>
  adapter.keepsReferences === true || guarded.has(adapter) ? adapter : ofRemote(adapter)

const ofRemote = Identity.perObject((adapter: Adapter): Adapter => {
  const health = healthOf(adapter)
  const close = adapter.close === undefined ? health.stop : Effect.andThen(health.stop, adapter.close)
  const whole = guard({ ...adapter, close }, health)
  return Namespace.provide(whole, (name) => guard(Namespace.of(adapter, name), health))
})

const guard = (adapter: Adapter, health: StoreHealth): Adapter => {
  const { acquireMany, deleteMany, partOf, watch } = adapter
  const partOfKey = (key: string): Health => health.of(partOf?.(key))
  /** Sends a request unless the part of its key is down. */
  const admitted = <A, R>(
    part: Health,
    operation: Operation,
    key: string,
    verb: (part: Health) => Effect.Effect<A, AdapterError, R>
  ): Effect.Effect<A, AdapterError, R> =>
    Effect.withFiber(({ context }) => {
      const refused = part.isDown ? part.admit(operation, key, Context.get(context, Clock.Clock)) : undefined
      return refused === undefined ? verb(part) : Effect.fail(refused)
    })
  /** The same, and learns from its end. */
  const ask = <A>(
    operation: Operation,
    key: string,
    verb: () => Effect.Effect<A, AdapterError>
  ): Effect.Effect<A, AdapterError> =>
    admitted(partOfKey(key), operation, key, (part) => {
      const { answers, moment } = part
      return Effect.onExitPrimitive(verb(), (exit) =>
        Exit.isSuccess(exit) ? part.answered() : part.failed(exit.cause, answers, moment, () => adapter.read(key))
      )
    })
  /** Asks for many keys. They may be in several parts, each of which then answers for itself, key by key. */
  const askMany = <A>(
    operation: Operation,
    [key]: ReadonlyArray<string>,
    verb: () => Effect.Effect<A, AdapterError>
  ): Effect.Effect<A, AdapterError> =>
    partOf !== undefined || key === undefined ? Effect.suspend(verb) : ask(operation, key, verb)
  const every: EveryMember = {
    ...(adapter as EveryMember),
    identity: Identity.of(adapter),
    acquire: (key, options) => ask("acquire", key, () => adapter.acquire(key, options)),
    fill: (key, options) => ask("fill", key, () => adapter.fill(key, options)),
    abandon: (key, options) => ask("abandon", key, () => adapter.abandon(key, options)),
    renew: (key, options) => ask("renew", key, () => adapter.renew(key, options)),
    delete: (key) => ask("delete", key, () => adapter.delete(key)),
    put: (key, options) => ask("put", key, () => adapter.put(key, options)),
    touch: (key, options) => ask("touch", key, () => adapter.touch(key, options)),
    read: (key) => ask("read", key, () => adapter.read(key)),
    // A subscription that is live already begins without a request, which tells nothing of the store.
    watch: watch && ((key) => admitted(partOfKey(key), "watch", key, () => watch(key))),
    acquireMany: acquireMany && ((keys, options) => askMany("acquireMany", keys, () => acquireMany(keys, options))),
    deleteMany: deleteMany && ((keys) => askMany("deleteMany", keys, () => deleteMany(keys)))
  }
  guarded.set(every, health)
  return every
}
