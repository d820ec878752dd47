/**
 * A store of values in Cloudflare KV, for an adapter that grants the leases.
 */
import { Identity, ValueStore } from "@cache-locking/core"
import * as Layer from "effect/Layer"
import { name } from "./Failure.ts"
import { resolveStore, type StoreOptions } from "./Options.ts"

export type { Found, Namespace } from "./KvBinding.ts"
export type { StoreOptions } from "./Options.ts"

/** 25 MiB: KV's largest value. */
export const valueBytes = 25 * 1024 * 1024

/** One object for each namespace and prefix: the same names. A Worker makes a store in each request. */
const spaceOf = Identity.perObject((_namespace: object) => Identity.perName((prefix): object => ({ prefix })))

/**
 * A store of values, and no adapter: KV has no conditional write, so it cannot decide a race. It becomes an adapter
 * with leases in another one: by `KvAdapter.make`, or by `ValueStore.withLeases` of core.
 *
 * @example
 * ```ts
 * import { KvStore } from "@cache-locking/cloudflare-kv"
 * import { MemoryAdapter, ValueStore } from "@cache-locking/core"
 *
 * const adapter = (env: { readonly KV: KvStore.Namespace }) =>
 *   ValueStore.withLeases(KvStore.make({ namespace: env.KV }), MemoryAdapter.make())
 * ```
 *
 * @throws InvalidOption
 */
export const make = (options: StoreOptions): ValueStore.ValueStore => {
  const { calls, namespace, prefix, remove } = resolveStore(options)
  return {
    name,
    identity: spaceOf(namespace)(prefix),
    valueBytes,
    get: (name) => calls.get(["read"], prefix + name),
    set: (name, bytes, ttl) => calls.set(["put"], prefix + name, bytes, ttl),
    delete: remove ? (name) => calls.delete(["delete"], prefix + name) : undefined
  }
}

/**
 * The store as a layer, for `ValueStore.layer` of core.
 *
 * @throws InvalidOption
 */
export const layer = (options: StoreOptions): Layer.Layer<ValueStore.ValueStore> =>
  Layer.succeed(ValueStore.ValueStore, make(options))
