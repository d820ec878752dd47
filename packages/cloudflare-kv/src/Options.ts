/**
 * The options, checked once.
 */
import { type Adapter, Check } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import { Calls } from "./Calls.ts"
import { isNamespace, type Namespace } from "./KvBinding.ts"

/** The settings of everything over KV, all but the namespace. */
export interface Settings {
  /** Stands before every name. Up to 256 bytes, not empty. Default `"cache:"`. */
  readonly prefix?: string | undefined
  /** The longest time that a request to KV may take. Default 5 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
}

/** The options of a store of values. */
export interface StoreOptions extends Settings {
  /** The binding: `env.KV`. */
  readonly namespace: Namespace
  /**
   * The time for which KV keeps a version at the edge where it was read: 30 seconds or more. A version never changes,
   * so a long time is as safe as a short one. By default KV's own (60 seconds).
   */
  readonly cacheTtl?: Duration.Input | undefined
  /**
   * True to remove replaced and deleted versions at once. Each removal costs one more request to KV, and each `put` and
   * `delete` one to the leases. Otherwise versions expire when their time is over. Use it with endless lifetimes.
   * Default `false`.
   */
  readonly remove?: boolean | undefined
}

/** The options of an adapter: a store of values, and the adapter that grants the leases. */
export interface Options<A extends Adapter = Adapter> extends StoreOptions {
  /** An adapter that can decide a race: D1's, Redis's over HTTP, or any other. Closing this adapter closes what it opened. */
  readonly leases: A
  /** Values of up to this many bytes are kept in the lease store itself, and cost KV nothing. By default all are in KV. */
  readonly inlineBytes?: number | undefined
}

const settingNames = ["namespace", "prefix", "commandTimeout"]
const storeNames = new Set([...settingNames, "cacheTtl", "remove"])
const adapterNames = new Set([...storeNames, "leases", "inlineBytes"])

const prefixDefault = "cache:"
const prefixBytes = 256

/** The shortest time that KV accepts. */
const cacheTtlLeast = 30_000

const namespaceOf = (given: Namespace): Namespace => {
  if (isNamespace(given)) return given
  throw Check.invalid("namespace", given, "a KV binding (env.KV), not its name")
}

const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, prefixDefault)
  const fits = prefix !== "" && prefix.isWellFormed() && new TextEncoder().encode(prefix).byteLength <= prefixBytes
  if (fits) return prefix
  throw Check.invalid("prefix", prefix, `text of 1 to ${prefixBytes} bytes`)
}

/** Settings, checked, with their defaults. */
export interface Resolved {
  readonly namespace: Namespace
  readonly prefix: string
  readonly calls: Calls
}

const resolve = ({ commandTimeout, namespace, prefix }: StoreOptions, cacheTtl: number | undefined): Resolved => {
  const timeout = Check.commandTimeout({ commandTimeout }, "5 seconds")
  const binding = namespaceOf(namespace)
  return { namespace: binding, prefix: prefixOf(prefix), calls: new Calls(binding, timeout, cacheTtl) }
}

/** Checks the options of a store of values. */
export const resolveStore = (options: StoreOptions): Resolved & { readonly remove: boolean } => {
  Check.known(options, storeNames)
  const { cacheTtl } = options
  const least = { min: cacheTtlLeast, infinite: false }
  const seconds = cacheTtl === undefined ? undefined : Math.floor(Check.duration("cacheTtl", cacheTtl, least) / 1000)
  return { ...resolve(options, seconds), remove: Check.bool("remove", options.remove, false) }
}

/** Checks the options of an adapter, and separates the store's from them. */
export const resolveAdapter = <A extends Adapter>(options: Options<A>) => {
  Check.known(options, adapterNames)
  const { inlineBytes, leases, ...store } = options
  if (leases === undefined) {
    const why = "KV cannot decide a race: D1Adapter.make({ database }) of @cache-locking/cloudflare-d1, or any adapter"
    throw Check.invalid("leases", leases, why)
  }
  Check.adapter("leases", leases)
  return { store, leases, inlineBytes: Check.integer("inlineBytes", inlineBytes, { min: 0, default: 0 }) }
}

/** Checks settings given among other options. */
export const resolveSettings = ({ commandTimeout, namespace, prefix }: Settings & { readonly namespace: Namespace }) =>
  resolve({ namespace, prefix, commandTimeout }, undefined)
