/**
 * Reads that do not need core. One call serves one key or many, and in the primary there is none. Core handles all
 * other cases: an invalid key, a value with tags or of another codec.
 */
import { isReserved } from "@cache-locking/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type ClusterError, ofCore } from "../client/ClusterError.ts"
import { limits } from "../client/SpaceAdapter.ts"
import type { SpaceClient } from "../client/SpaceClient.ts"
import type { Payload } from "../wire/Compact.ts"
import { Decoded, type Decoder } from "./Decoder.ts"

/** A value that the primary found, and the milliseconds for which it is fresh. */
export type Found = readonly [value: Payload, freshFor: number]

/** JSON writes null for an absent item. */
type Maybe<A> = A | undefined | null

/** Core's read of a key, with the primary's answer if there is one already. */
export type ByCore<A> = (
  key: string,
  peek: boolean,
  found: Found | undefined
) => Effect.Effect<Option.Option<A>, ClusterError>

/** The answer, or an effect that gets it. */
export type Read<A> = Decoded<A> | typeof missed | Effect.Effect<Option.Option<A>, ClusterError>

/** There is no value. */
export const missed = Symbol("missed")

export const effectOf = <A>(read: Read<A>): Effect.Effect<Option.Option<A>, ClusterError> =>
  read instanceof Decoded ? Effect.succeedSome(read.value) : read === missed ? none : read

/** Keys in one call. */
const pageKeys = 1_000

/** Calls at once: while the primary answers one, the next is on its way. */
const maxCalls = 2

/** A key of this length is never too long, whatever its characters. */
const surelyShort = limits.keyBytes / 3

const none = Effect.succeed(Option.none<never>())

const isPlain = (key: unknown): boolean =>
  typeof key === "string" && key !== "" && key.length <= surelyShort && !isReserved(key)

export class Reader<A> {
  private readonly client: SpaceClient
  private readonly decoder: Decoder<A>
  private readonly byCore: ByCore<A>

  constructor(client: SpaceClient, decoder: Decoder<A>, byCore: ByCore<A>) {
    this.client = client
    this.decoder = decoder
    this.byCore = byCore
  }

  /** Begins at once. In the primary the answer is there when it returns. */
  get(key: string, peek: boolean): Read<A> {
    if (!isPlain(key)) return this.byCore(key, peek, undefined)
    const { client } = this
    const verb = peek ? "peek" : "get"
    if (client.callSync === undefined) {
      const called = Effect.mapError(client.call<Maybe<Found>>(verb, [key]), ofCore(key))
      return Effect.flatMap(called, (found) => effectOf(this.decoded(key, peek, found, false)))
    }
    let found: Maybe<Found>
    try {
      found = client.callSync(verb, [key]) as Maybe<Found>
    } catch {
      return this.byCore(key, peek, undefined)
    }
    return this.decoded(key, peek, found, true)
  }

  /** The same without an Effect. */
  getUnsafe(key: string): Read<A> | Promise<Read<A>> {
    const { callUnsafe } = this.client
    if (callUnsafe === undefined || !isPlain(key)) return this.get(key, false)
    return new Promise((resolve, reject) =>
      callUnsafe("get", [key], {
        succeeded: (found: Maybe<Found>) => resolve(this.decoded(key, false, found, false)),
        failed: (error) => reject(ofCore(key)(error))
      })
    )
  }

  private decoded(key: string, peek: boolean, found: Maybe<Found>, kept: boolean): Read<A> {
    if (found === undefined || found === null) return missed
    return this.decoder.decode(found[0], kept) ?? this.byCore(key, peek, found)
  }

  /** The values of the keys that have one, in the order of the keys. */
  getMany(keys: ReadonlyArray<string>, peek: boolean): Effect.Effect<ReadonlyMap<string, A>, ClusterError> {
    const pages: Array<ReadonlyArray<string>> = []
    for (let at = 0; at < keys.length; at += pageKeys) pages.push(keys.slice(at, at + pageKeys))
    const all = Effect.forEach(pages, (page) => this.page(page, peek), { concurrency: maxCalls })
    return Effect.map(all, (found) => (found.length === 1 ? found[0]! : new Map(found.flatMap((page) => [...page]))))
  }

  private page(keys: ReadonlyArray<string>, peek: boolean): Effect.Effect<Map<string, A>, ClusterError> {
    if (!keys.every(isPlain)) return this.eachByCore(new Map(keys.map((key) => [key, undefined])), peek)
    const called = this.client.call<ReadonlyArray<Maybe<Payload>>>(peek ? "peekMany" : "getMany", [keys])
    return Effect.flatMap(Effect.mapError(called, ofCore()), (found) => {
      const values = new Map<string, A>()
      const others = new Map<string, Found>()
      for (let i = 0; i < keys.length; i++) {
        const [key, payload] = [keys[i]!, found[i]]
        if (payload === undefined || payload === null) continue
        const decoded = this.decoder.decode(payload, false)
        if (decoded === undefined) others.set(key, [payload, 1])
        else values.set(key, decoded.value)
      }
      if (others.size === 0) return Effect.succeed(values)
      return Effect.map(this.eachByCore(others, peek), (read) => ordered(keys, values, read))
    })
  }

  private eachByCore(
    keys: ReadonlyMap<string, Found | undefined>,
    peek: boolean
  ): Effect.Effect<Map<string, A>, ClusterError> {
    const read = ([key, found]: readonly [string, Found | undefined]) =>
      Effect.map(
        this.byCore(key, peek, found),
        Option.map((value) => [key, value] as const)
      )
    return Effect.map(Effect.forEach(keys, read, { concurrency: "unbounded" }), (all) => new Map(Arr.getSomes(all)))
  }
}

const ordered = <A>(keys: ReadonlyArray<string>, one: Map<string, A>, other: Map<string, A>): Map<string, A> =>
  new Map(
    keys.flatMap((key) => {
      const of = one.has(key) ? one : other
      return of.has(key) ? [[key, of.get(key)!] as const] : []
    })
  )
