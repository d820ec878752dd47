/**
 * A function of the user's runs in the context of the call that gave it, on every road that leads to it: with the values of
 * its `AsyncLocalStorage`, and with its services.
 */
import { setTimeout as sleep } from "node:timers/promises"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import * as Cache from "../../src/Cache.ts"
import type * as Codec from "../../src/codec/Codec.ts"
import type { Adapter } from "../../src/contract/Adapter.ts"
import type { Options as PolicyOptions } from "../../src/options/Policy.ts"
import { type Answer, createCache, type Outcome, type PromiseCache } from "../../src/promise.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import * as Tiered from "../../src/stores/tiered/Tiered.ts"
import { caller, foreign } from "../support/Foreign.ts"
import { asksMany, peer, remote } from "../support/Wrappers.ts"

/** A value, and whose load made it. */
interface Value {
  readonly of: string
}

class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

const callers = 100

/** The caller that owns a key. Others that ask for it have its name, and more. */
const ownerOf = (of: string): string => of.split(",", 1)[0]!

/** Waits until a condition holds. */
const until = async (what: string, holds: () => boolean): Promise<void> => {
  for (let i = 0; i < 20_000 && !holds(); i++) await sleep(1)
  assert.isTrue(holds(), `it never came: ${what}`)
}

/** Records the contexts in which the functions of a test run. */
class Ledger {
  readonly calls = new Map<string, number>()
  readonly wrong: Array<string> = []

  note(name: string, of: string, found = caller.getStore()): void {
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1)
    if (found !== of) this.wrong.push(`${name} of ${of} ran in the context of ${found}`)
  }

  /** Forgets the calls that prepared a test. */
  begin(): void {
    this.calls.clear()
  }

  /** Waits until a function has run for every caller. */
  all(name: string): Promise<void> {
    return until(`${callers} calls of ${name}`, () => (this.calls.get(name) ?? 0) >= callers)
  }

  readonly codec: Codec.Codec<Value> = {
    name: "noting",
    encode: (value) => {
      this.note("encode", value.of)
      return new TextEncoder().encode(JSON.stringify(value))
    },
    decode: (bytes) => {
      const value = JSON.parse(new TextDecoder().decode(bytes)) as Value
      const found = caller.getStore()
      // The callers of one key read each other's values.
      this.note("decode", value.of, found !== undefined && ownerOf(found) === ownerOf(value.of) ? value.of : found)
      return value
    }
  }

  /** The same, with promises. */
  readonly asyncCodec: Codec.Codec<Value> = {
    name: "noting",
    async: true,
    encode: async (value) => {
      await null
      return this.codec.encode(value)
    },
    decode: async (bytes) => {
      await null
      return this.codec.decode(bytes)
    }
  }
}

/** The options of a call, without its functions. */
interface Given extends Omit<PolicyOptions<Value>, "tags" | "shouldCache" | "cacheTtl"> {
  /** Awaited by the fetcher. */
  readonly gate?: () => Promise<unknown>
  readonly fails?: true
  /** The keys that `fetchMany` has values for. All by default. */
  readonly has?: (key: string) => boolean
  /** The time that the value is fresh. Ten minutes by default. */
  readonly fresh?: number
}

/** A cache behind one of its faces. Each call comes from a caller, whose functions note their contexts. */
interface Face {
  getOrSet(of: string, key: string, given?: Given): Promise<Outcome>
  refresh(of: string, key: string): Promise<Outcome>
  getOrSetMany(of: string, keys: ReadonlyArray<string>, given?: Given): Promise<unknown>
  set(of: string, key: string, staleFor?: number): Promise<void>
  get(of: string, key: string): Promise<Value | undefined>
  close(): Promise<void>
}

const policyOf = (ledger: Ledger, of: string, { fails: _, fresh = 600_000, gate: __, has: ___, ...rest }: Given) => ({
  ...rest,
  cacheTtl: () => {
    ledger.note("cacheTtl", of)
    return fresh
  },
  tags: () => {
    ledger.note("tags", of)
    return []
  },
  shouldCache: () => {
    ledger.note("shouldCache", of)
    return true
  }
})

const hookNames = ["onHit", "onLeader", "onFollowerWait", "onFallback", "onError", "onRefreshError"] as const

const ofPromises = (options: OpenOptions, ledger: Ledger): Face => {
  const cache: PromiseCache<Value> = createCache<Value>(options)
  const load = async (name: string, of: string, { fails, gate }: Given): Promise<Value> => {
    ledger.note(name, of)
    await gate?.()
    ledger.note(name, of)
    if (fails) throw new Error("broken")
    return { of }
  }
  const optionsOf = (of: string, given: Given) => ({
    ...policyOf(ledger, of, given),
    hooks: Object.fromEntries(hookNames.map((name) => [name, () => ledger.note(name, of)]))
  })
  return {
    getOrSet: (of, key, given = {}) =>
      caller.run(of, async () => {
        const answer = await cache.getOrSetWithMeta(key, () => load("fetcher", of, given), optionsOf(of, given))
        ledger.note("caller", of)
        return answer.meta.cache
      }),
    refresh: (of, key) =>
      caller.run(
        of,
        async () => (await cache.refresh(key, () => load("fetcher", of, {}), optionsOf(of, {}))).meta.cache
      ),
    getOrSetMany: (of, keys, given = {}) =>
      caller.run(of, () =>
        cache.getOrSetMany(
          keys,
          async (wanted) => {
            const value = await load("fetchMany", of, given)
            return wanted.filter(given.has ?? (() => true)).map((key) => [key, value] as const)
          },
          optionsOf(of, given)
        )
      ),
    set: (of, key, staleFor) =>
      caller.run(of, () =>
        cache.set(
          key,
          { of },
          {
            cacheTtl: staleFor === undefined ? 600_000 : 0,
            staleWhileRevalidate: staleFor,
            origin: () => ledger.note("origin", of)
          }
        )
      ),
    get: (of, key) => caller.run(of, () => cache.get(key)),
    close: () => cache.close()
  }
}

const ofEffects = (options: OpenOptions, ledger: Ledger): Face => {
  const cache = Cache.makeUnsafe<Value>(options)
  const note = (name: string, of: string) =>
    Effect.map(Tenant, (tenant) => {
      ledger.note(name, of)
      ledger.note(name, of, tenant)
    })
  const load = (name: string, of: string, { fails, gate }: Given) => {
    ledger.note(name, of)
    return Effect.gen(function* () {
      yield* note(name, of)
      yield* Effect.yieldNow
      yield* note(name, of)
      yield* Effect.promise(async () => gate?.())
      yield* note(name, of)
      if (fails) return yield* Effect.fail(new Error("broken"))
      return { of }
    })
  }
  const optionsOf = (of: string, given: Given) => ({
    ...policyOf(ledger, of, given),
    hooks: Object.fromEntries(hookNames.map((name) => [name, () => note(name, of)]))
  })
  const run = <A>(of: string, effect: Effect.Effect<A, unknown, Tenant>): Promise<A> =>
    caller.run(of, () =>
      Effect.runPromise(
        Effect.provideService(
          Effect.tap(effect, () => note("caller", of)),
          Tenant,
          of
        )
      )
    )
  const outcome = (answer: Effect.Effect<Answer<Value>, unknown, any>) =>
    Effect.map(answer, ({ meta }) => meta.cache) as Effect.Effect<Outcome, unknown, Tenant>
  return {
    getOrSet: (of, key, given = {}) =>
      run(of, outcome(cache.getOrSet(key, () => load("fetcher", of, given), optionsOf(of, given)))),
    refresh: (of, key) => run(of, outcome(cache.refresh(key, () => load("fetcher", of, {}), optionsOf(of, {})))),
    getOrSetMany: (of, keys, given = {}) =>
      run(
        of,
        cache.getOrSetMany(
          keys,
          (wanted) =>
            Effect.map(load("fetchMany", of, given), (value) =>
              wanted.filter(given.has ?? (() => true)).map((key) => [key, value] as const)
            ),
          optionsOf(of, given)
        )
      ),
    set: (of, key, staleFor) =>
      run(
        of,
        cache.set(
          key,
          { of },
          {
            cacheTtl: staleFor === undefined ? 600_000 : 0,
            staleWhileRevalidate: staleFor,
            origin: () => note("origin", of)
          }
        )
      ),
    get: (of, key) =>
      run(
        of,
        Effect.map(cache.get(key), (found) => (found._tag === "Some" ? found.value : undefined))
      ),
    close: () => Effect.runPromise(cache.close())
  }
}

interface OpenOptions extends PolicyOptions<Value> {
  readonly adapter: Adapter
  readonly codec: Codec.Codec<Value>
  readonly refreshConcurrency?: number
}

/** The caches and the store of one road, and its ledger. */
interface Road {
  readonly cache: Face
  /** The same, in another process over the same store. */
  readonly other: Face
  readonly store: Adapter
  readonly ledger: Ledger
  readonly socket: ReturnType<typeof foreign>["socket"]
}

const names = Array.from({ length: callers }, (_, n) => `caller ${n}`)

/** All callers at once, each with a key of its own. */
const each = <A>(f: (of: string, key: string) => Promise<A>): Promise<ReadonlyArray<A>> =>
  Promise.all(names.map((of) => f(of, `key of ${of}`)))

const allAre = (outcomes: ReadonlyArray<Outcome>, expected: Outcome) =>
  assert.deepStrictEqual(new Set(outcomes), new Set([expected]))

const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)

/** Takes the lease of a key, as another process. Returns how to give it back. */
const lease = async (store: Adapter, key: string): Promise<() => Promise<unknown>> => {
  const found = await run(store.acquire(key, { owner: "another process", leaseFor: 600_000 }))
  if (found._tag !== "Leader") return assert.fail(`not a leader but ${found._tag}`)
  return () => run(store.abandon(key, { token: found.token }))
}

const kept = ["fetcher", "shouldCache", "cacheTtl", "tags", "encode", "decode"]

const behind = { staleWhileRevalidate: 600_000 }

/** A load that takes a turn of the event loop. Meanwhile others queue. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A gate that many fetchers wait at. */
const gate = () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { wait: () => promise, open: resolve }
}

/** Each road is walked by all callers, and names the functions that run for each of them. */
const roads: Readonly<Record<string, (road: Road) => Promise<ReadonlyArray<string>>>> = {
  "a cold key": async ({ cache }) => {
    allAre(await each((of, key) => cache.getOrSet(of, key)), "MISS-LEADER")
    return [...kept, "onLeader", "caller"]
  },

  "a hit in the store": async ({ cache, ledger }) => {
    await each((of, key) => cache.set(of, key))
    ledger.begin()
    allAre(await each((of, key) => cache.getOrSet(of, key)), "HIT")
    return ["decode", "onHit", "caller"]
  },

  "get and set": async ({ cache }) => {
    await each((of, key) => cache.set(of, key))
    await each((of, key) => cache.get(of, key))
    return ["origin", "encode", "decode"]
  },

  "a refresh in the background, in its turn": async ({ cache, ledger }) => {
    await each((of, key) => cache.set(of, key, 600_000))
    ledger.begin()
    allAre(await each((of, key) => cache.getOrSet(of, key, { ...behind, gate: turn })), "STALE")
    return [...kept, "onHit", "caller"]
  },

  "a refresh in the background that fails": async ({ cache }) => {
    await each((of, key) => cache.set(of, key, 600_000))
    await each((of, key) => cache.getOrSet(of, key, { ...behind, gate: turn, fails: true }))
    return ["fetcher", "onError", "onRefreshError"]
  },

  "an early refresh, by a caller that joined": async ({ cache, ledger, socket }) => {
    await each((of, key) => cache.getOrSet(of, key, { gate: () => sleep(5) }))
    ledger.begin()
    await each(async (of, key) => {
      socket.hold(key)
      // The first caller's flight finds the value. Only the second is to refresh it.
      const first = cache.getOrSet(of, key)
      const second = cache.getOrSet(`${of}, second`, key, { earlyRefresh: { beta: 1e12 } })
      socket.release(key)
      await Promise.all([first, second])
    })
    return ["fetcher", "shouldCache", "cacheTtl", "tags", "encode", "onHit"]
  },

  "a forced refresh": async ({ cache, ledger }) => {
    await each((of, key) => cache.set(of, key))
    ledger.begin()
    allAre(await each((of, key) => cache.refresh(of, key)), "MISS-LEADER")
    return [...kept, "onLeader"]
  },

  "the fallback after waitMax": async ({ cache, store }) => {
    await each((_, key) => lease(store, key))
    allAre(await each((of, key) => cache.getOrSet(of, key, { waitMax: 20 })), "MISS-FOLLOWER-FALLBACK")
    return ["fetcher", "onFollowerWait", "onFallback", "caller"]
  },

  "the fallback of a caller that joined": async ({ cache, store }) => {
    await each((_, key) => lease(store, key))
    await each(async (of, key) => {
      const first = cache.getOrSet(of, key, { waitMax: 600_000, onWaitTimeout: "fail" })
      const second = cache.getOrSet(`${of}, second`, key, { waitMax: 20 })
      assert.strictEqual(await second, "MISS-FOLLOWER-FALLBACK")
      await run(store.delete(key))
      await first
    })
    return ["fetcher", "onFollowerWait", "onFallback", "caller"]
  },

  "the fallback while the store is silent": async ({ cache, socket }) => {
    await each(async (_, key) => socket.hold(key))
    const outcomes = await each((of, key) => cache.getOrSet(of, key, { waitMax: 20 }))
    await each(async (_, key) => socket.release(key))
    allAre(outcomes, "MISS-FOLLOWER-FALLBACK")
    return ["fetcher", "onFallback", "caller"]
  },

  "the answer of another caller's load": async ({ cache }) => {
    const { open, wait } = gate()
    const all = each(async (of, key) => {
      const first = cache.getOrSet(of, key, { gate: wait })
      const others = [1, 2].map((n) => cache.getOrSet(`${of}, other ${n}`, key))
      await Promise.all([first, ...others])
    })
    open()
    await all
    return [...kept, "onLeader", "onHit", "caller"]
  },

  "a takeover": async ({ cache, ledger, store }) => {
    const leases = await each((_, key) => lease(store, key))
    const all = each((of, key) => cache.getOrSet(of, key))
    await ledger.all("onFollowerWait")
    for (const giveBack of leases) await giveBack()
    allAre(await all, "MISS-LEADER")
    return [...kept, "onFollowerWait", "onLeader"]
  },

  "the answer of another process's load": async ({ cache, ledger, other }) => {
    const { open, wait } = gate()
    const there = each((of, key) => other.getOrSet(of, key, { gate: wait }))
    await ledger.all("fetcher")
    const here = each((of, key) => cache.getOrSet(of, key))
    await ledger.all("onFollowerWait")
    open()
    await there
    allAre(await here, "MISS-FOLLOWER-HIT")
    return [...kept, "onFollowerWait", "onHit"]
  },

  "a load after a cooldown": async ({ cache, ledger, other }) => {
    await each((of, key) => other.getOrSet(of, key, { fails: true, cooldown: 300 }).catch(() => undefined))
    ledger.begin()
    allAre(await each((of, key) => cache.getOrSet(of, key)), "MISS-LEADER")
    assert.isAtLeast(ledger.calls.get("onFollowerWait") ?? 0, 1, "somebody waited")
    return [...kept, "onLeader"]
  },

  "a caller that begins anew after another's load": async ({ cache }) => {
    const { open, wait } = gate()
    const all = each(async (of, key) => {
      const batch = cache.getOrSetMany(`${of}, batch`, [key], { gate: wait, has: () => false })
      const single = cache.getOrSet(of, key)
      const second = cache.getOrSet(`${of}, second`, key)
      await Promise.all([batch, single, second])
    })
    open()
    await all
    return [...kept, "fetchMany", "onLeader", "onHit"]
  },

  "a batch": async ({ cache }) => {
    await each((of, key) => cache.getOrSetMany(of, [key, `${key}, second`]))
    return ["fetchMany", "shouldCache", "cacheTtl", "tags", "encode", "decode", "onLeader"]
  },

  "a batch whose last key another caller's load decides": async ({ cache, ledger, socket, store }) => {
    const { open, wait } = gate()
    const all = each(async (of, key) => {
      socket.hold(key)
      const first = cache.getOrSet(`${of}, first`, key, { gate: wait })
      const batch = cache.getOrSetMany(of, [key, `${key}, own`])
      while ((await run(store.read(`${key}, own`))).lease === undefined) await sleep(1)
      await sleep(5)
      socket.release(key)
      await Promise.all([first, batch])
    })
    await ledger.all("fetchMany")
    open()
    await all
    return ["fetchMany", "fetcher", "shouldCache", "cacheTtl", "tags", "encode", "onLeader", "onHit"]
  },

  "a refresh of a batch in the background, in its turn": async ({ cache, ledger }) => {
    await each(async (of, key) => {
      await cache.set(of, key, 600_000)
      await cache.set(of, `${key}, second`, 600_000)
    })
    ledger.begin()
    await each((of, key) => cache.getOrSetMany(of, [key, `${key}, second`], { ...behind, gate: turn }))
    return ["fetchMany", "shouldCache", "cacheTtl", "tags", "encode", "onHit"]
  }
}

const stores: Readonly<Record<string, (adapter: Adapter, ledger: Ledger) => OpenOptions>> = {
  "replies come in the context of a socket": (adapter, { codec }) => ({ adapter, codec }),
  "the codec gives promises": (adapter, { asyncCodec }) => ({ adapter, codec: asyncCodec }),
  "many keys are asked for at once": (adapter, { codec }) => ({ adapter: asksMany(adapter), codec }),
  "there is a near tier": (adapter, { codec }) => ({ adapter: Tiered.make([{ ttl: "1 minute" }, adapter]), codec })
}

const opened: Array<Face> = []
const { log } = console

// The logs of a thousand failed refreshes would hide those of other tests.
beforeAll(() => {
  console.log = () => {}
})

afterAll(() => {
  console.log = log
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.close()))
})

for (const [face, open] of [
  ["promises", ofPromises],
  ["effects", ofEffects]
] as const) {
  for (const [how, optionsOf] of Object.entries(stores)) {
    describe(`${face}, where ${how}: the context of the call, on the road to`, () => {
      for (const [name, walk] of Object.entries(roads)) {
        it(name, async () => {
          const store = MemoryAdapter.make()
          const ledger = new Ledger()
          const process = () => {
            const { adapter, socket } = foreign(remote(peer(store)))
            const cache = open({ ...optionsOf(adapter, ledger), refreshConcurrency: 1 }, ledger)
            opened.push(cache)
            return { cache, socket }
          }
          const { cache, socket } = process()
          const { cache: other } = process()
          for (const name of await walk({ cache, other, store, ledger, socket })) await ledger.all(name)
          assert.deepStrictEqual(ledger.wrong.slice(0, 5), [], `${ledger.wrong.length} wrong contexts`)
        })
      }
    })
  }
}
