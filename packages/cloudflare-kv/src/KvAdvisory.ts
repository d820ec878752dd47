/**
 * A cache over Cloudflare KV alone. Its protection is advisory: per isolate only.
 *
 * Callers of one isolate load a key once. Isolates do not know of each other, and each may load a missing key; early
 * refresh, on by default, spreads loads that would come at once. A delete or a set reaches other places when KV does,
 * within a minute or more, and a load that another isolate began before it can put the old value back. To rule that
 * out, use leases: `KvAdapter.make`.
 */
import {
  type Answer,
  Cache,
  type CacheLockingError,
  Check,
  type FetchContext,
  type InvalidOption,
  type Meta
} from "@cache-locking/core"
import {
  type CreateOptions,
  createCache as createPromiseCache,
  type PromiseCache,
  type PromiseCallOptions,
  type PromiseFetcher
} from "@cache-locking/core/promise"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { isolatesOf } from "./Isolate.ts"
import * as IsolateAdapter from "./IsolateAdapter.ts"
import type { Namespace } from "./KvBinding.ts"
import { resolveSettings, type Settings } from "./Options.ts"

export type { Found, Namespace } from "./KvBinding.ts"

/** The reach of the protection from a stampede: this isolate. */
export const protection = "isolate"

/** The outcome of a call, and the reach of the protection. */
export interface AdvisoryMeta extends Meta {
  readonly protection: typeof protection
}

/** A value, and the outcome of its call. */
export interface AdvisoryAnswer<out A> {
  readonly value: A
  readonly meta: AdvisoryMeta
}

interface Where extends Settings {
  /** The binding: `env.KV`. */
  readonly namespace: Namespace
}

/** The options of an advisory cache: those of a cache without the adapter. `earlyRefresh` is on unless it is `false`. */
export interface Options<in out A, out HE = never, out HR = never>
  extends Omit<Cache.Options<A, HE, HR>, "adapter">,
    Where {}

/** The same for promises. */
export interface CreateAdvisoryOptions<in out A> extends Omit<CreateOptions<A>, "adapter">, Where {}

/** A cache whose protection is per isolate. It is no adapter, and cannot be used as one. */
export interface AdvisoryCache<in out A, in out HE = never, in out HR = never>
  extends Omit<Cache.Cache<A, HE, HR>, "getOrSet" | "refresh"> {
  readonly protection: typeof protection
  /** The value: from the cache, or loaded by one caller of this isolate. */
  readonly getOrSet: Load<A, HE, HR>
  /** Loads now, even if the value is fresh. */
  readonly refresh: Load<A, HE, HR>
}

type Load<A, HE, HR> = <E = never, R = never, E2 = never, R2 = never>(
  key: string,
  fetcher: (context: FetchContext<A>) => Effect.Effect<A, E, R>,
  options?: Cache.CallOptions<A, E2, R2>
) => Effect.Effect<AdvisoryAnswer<A>, CacheLockingError | E | HE | E2, R | HR | R2>

/** The same for promises. */
export interface AdvisoryPromiseCache<in out A> extends Omit<PromiseCache<A>, "getOrSetWithMeta" | "refresh"> {
  readonly protection: typeof protection
  getOrSetWithMeta: LoadPromise<A>
  refresh: LoadPromise<A>
}

type LoadPromise<A> = (
  key: string,
  fetcher: PromiseFetcher<A>,
  options?: PromiseCallOptions<A>
) => Promise<AdvisoryAnswer<A>>

const marked = <A>({ meta, value }: Answer<A>): AdvisoryAnswer<A> => ({ value, meta: { ...meta, protection } })

/** The options of the underlying cache. */
const cacheOptions = <A, O extends Where & { readonly earlyRefresh?: Options<A>["earlyRefresh"] }>(options: O) => {
  const { commandTimeout, namespace, prefix, ...rest } = options
  const { calls, prefix: checked } = resolveSettings({ commandTimeout, namespace, prefix })
  const adapter = IsolateAdapter.make(isolatesOf(namespace)(checked), calls, checked)
  return { earlyRefresh: true, ...rest, adapter }
}

/** The members of a cache that stay as they are, with promises and without. A missing name does not compile. */
const sharedNames = [
  ...(["get", "getMany", "getOrSetMany", "set", "delete", "deleteMany"] as const),
  ...(["invalidateTag", "invalidateTags", "has", "stats", "explain", "close"] as const)
]

const promiseNames = [...sharedNames, ...(["getOrSet", Symbol.asyncDispose] as const)]

/** A cache's methods, bound to it. */
const methods = <C extends object, N extends keyof C>(cache: C, names: ReadonlyArray<N>): Pick<C, N> =>
  Object.fromEntries(
    names.map((name) => [name, (cache[name] as (...args: Array<never>) => unknown).bind(cache)])
  ) as Pick<C, N>

/**
 * A cache over KV alone, without an adapter and without leases. The comment at the top of this module lists its limits.
 *
 * @example
 * ```ts
 * import { KvAdvisory } from "@cache-locking/cloudflare-kv"
 * import * as Effect from "effect/Effect"
 *
 * const program = (env: { readonly KV: KvAdvisory.Namespace }) =>
 *   Effect.gen(function* () {
 *     const cache = yield* KvAdvisory.make<string>({ namespace: env.KV, cacheTtl: "10 minutes" })
 *     const { meta, value } = yield* cache.getOrSet("greeting", () => Effect.succeed("hello"))
 *     return `${value}, protected per ${meta.protection}`
 *   })
 * ```
 */
export const make = <A, HE = never, HR = never>(
  options: Options<A, HE, HR>
): Effect.Effect<AdvisoryCache<A, HE, HR>, InvalidOption, Scope.Scope> =>
  Effect.flatMap(
    Check.attempt(() => cacheOptions<A, typeof options>(options)),
    (checked) =>
      Effect.map(Cache.make<A, HE, HR>(checked as Cache.Options<A, HE, HR>), (cache) => {
        const load =
          (verb: "getOrSet" | "refresh"): Load<A, HE, HR> =>
          (key, fetcher, call) =>
            Effect.map(cache[verb](key, fetcher, call), marked)
        const own = { protection, getOrSet: load("getOrSet"), refresh: load("refresh") } as const
        return { ...methods(cache, sharedNames), ...own }
      })
  )

/**
 * The same for promises.
 *
 * @example
 * ```ts
 * import { KvAdvisory } from "@cache-locking/cloudflare-kv"
 *
 * const greeting = async (env: { readonly KV: KvAdvisory.Namespace }, ctx: { waitUntil(work: Promise<unknown>): void }) => {
 *   const waitUntil = (work: Promise<unknown>) => ctx.waitUntil(work)
 *   const cache = KvAdvisory.createCache<string>({ namespace: env.KV, cacheTtl: "10 minutes", waitUntil })
 *   return await cache.getOrSet("greeting", async () => "hello")
 * }
 * ```
 *
 * @throws InvalidOption
 */
export const createCache = <A = any>(options: CreateAdvisoryOptions<A>): AdvisoryPromiseCache<A> => {
  const cache = createPromiseCache<A>(cacheOptions<A, typeof options>(options) as CreateOptions<A>)
  const own = {
    protection,
    getOrSetWithMeta: (...call: Parameters<LoadPromise<A>>) => cache.getOrSetWithMeta(...call).then(marked),
    refresh: (...call: Parameters<LoadPromise<A>>) => cache.refresh(...call).then(marked)
  } as const
  return { ...methods(cache, promiseNames), ...own }
}
