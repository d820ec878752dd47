/**
 * Reads that need nothing of core: one ask, of one key or of many, and in the primary none at all. Whatever is out of the
 * ordinary (a key that is none, a value with tags or of another codec) is read by core.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type ClusterError, ofCore } from "../client/ClusterError.ts"
import type { SpaceClient } from "../client/SpaceClient.ts"
import type { Payload } from "../wire/Compact.ts"
import { Decoded, type Decoder } from "./Decoder.ts"

/** What the primary found: the value, and the milliseconds for which it is fresh. */
export type Found = readonly [value: Payload, freshFor: number]

/** How core reads a key, with what was found of it if it was asked for already. */
export type ByCore<A> = (
  key: string,
  peek: boolean,
  found: Found | undefined
) => Effect.Effect<Option.Option<A>, ClusterError>

/** What is there at once, or an effect that tells. */
export type Read<A> = Decoded<A> | typeof missed | Effect.Effect<Option.Option<A>, ClusterError>

/** There is nothing. */
export const missed = Symbol("missed")

/** As Effect has it. */
export const effectOf = <A>(read: Read<A>): Effect.Effect<Option.Option<A>, ClusterError> =>
  read instanceof Decoded ? Effect.succeedSome(read.value) : read === missed ? none : read

/** Keys in one ask. */
const page = 1_000

/** Asks under way at once: while the primary answers one, the other is on its way. */
const underWay = 2

/** A key of this length is none that could be too long, whatever its characters. */
const surelyShort = 65_536 / 3

const none = Effect.succeed(Option.none<never>())

const isPlain = (key: unknown): boolean =>
  typeof key === "string" && key !== "" && key.length <= surelyShort && key.charCodeAt(0) !== 1

export class Reader<A> {
  private readonly client: SpaceClient
  private readonly decoder: Decoder<A>
  private readonly byCore: ByCore<A>

  constructor(client: SpaceClient, decoder: Decoder<A>, byCore: ByCore<A>) {
    this.client = client
    this.decoder = decoder
    this.byCore = byCore
  }

  /** Begins at once; in the primary the answer is there when it returns. */
  get(key: string, peek: boolean): Read<A> {
    if (!isPlain(key)) return this.byCore(key, peek, undefined)
    const { client } = this
    const verb = peek ? "peek" : "get"
    if (client.now === undefined) {
      const asked = client.call<Found | undefined | null>(verb, [key])
      const answer = (found: Found | undefined | null) => effectOf(this.opened(key, peek, found, false))
      return Effect.flatMap(Effect.mapError(asked, ofCore(key)), answer)
    }
    let found: Found | undefined
    try {
      found = client.now(verb, [key]) as Found | undefined
    } catch {
      return this.byCore(key, peek, undefined)
    }
    return this.opened(key, peek, found, true)
  }

  /** The same for those who use promises. */
  begin(key: string): Read<A> | Promise<Read<A>> {
    const { ask } = this.client
    if (ask === undefined || !isPlain(key)) return this.get(key, false)
    return new Promise((resolve, reject) =>
      ask("get", [key], {
        done: (found: Found | undefined | null) => resolve(this.opened(key, false, found, false)),
        failed: (error) => reject(ofCore(key)(error))
      })
    )
  }

  private opened(key: string, peek: boolean, found: Found | undefined | null, kept: boolean): Read<A> {
    if (found === undefined || found === null) return missed
    return this.decoder.open(found[0], kept) ?? this.byCore(key, peek, found)
  }

  /** The values that there are, in the order of the keys. */
  getMany(keys: ReadonlyArray<string>, peek: boolean): Effect.Effect<ReadonlyMap<string, A>, ClusterError> {
    const parts: Array<ReadonlyArray<string>> = []
    for (let at = 0; at < keys.length; at += page) parts.push(keys.slice(at, at + page))
    const all = Effect.forEach(parts, (part) => this.part(part, peek), { concurrency: underWay })
    return Effect.map(all, (found) => (found.length === 1 ? found[0]! : new Map(found.flatMap((part) => [...part]))))
  }

  private part(keys: ReadonlyArray<string>, peek: boolean): Effect.Effect<Map<string, A>, ClusterError> {
    if (!keys.every(isPlain))
      return this.eachByCore(
        keys.map((key) => [key, undefined]),
        peek
      )
    const asked = this.client.call<ReadonlyArray<Payload | undefined | null>>(peek ? "peekMany" : "getMany", [keys])
    return Effect.flatMap(Effect.mapError(asked, ofCore()), (found) => {
      const values = new Map<string, A>()
      const odd: Array<readonly [string, Found]> = []
      for (let i = 0; i < keys.length; i++) {
        const [key, payload] = [keys[i]!, found[i]]
        if (payload === undefined || payload === null) continue
        const opened = this.decoder.open(payload, false)
        if (opened === undefined) odd.push([key, [payload, 1]])
        else values.set(key, opened.value)
      }
      if (odd.length === 0) return Effect.succeed(values)
      return Effect.map(this.eachByCore(odd, peek), (others) => ordered(keys, values, others))
    })
  }

  private eachByCore(
    keys: ReadonlyArray<readonly [string, Found | undefined]>,
    peek: boolean
  ): Effect.Effect<Map<string, A>, ClusterError> {
    const one = ([key, found]: readonly [string, Found | undefined]) =>
      Effect.map(this.byCore(key, peek, found), (value) => [key, value] as const)
    return Effect.map(
      Effect.forEach(keys, one, { concurrency: "unbounded" }),
      (found) => new Map(found.flatMap(([key, value]) => (Option.isSome(value) ? [[key, value.value] as const] : [])))
    )
  }
}

const ordered = <A>(keys: ReadonlyArray<string>, one: Map<string, A>, other: Map<string, A>): Map<string, A> =>
  new Map(
    keys.flatMap((key) => {
      const of = one.has(key) ? one : other
      return of.has(key) ? [[key, of.get(key)!] as const] : []
    })
  )
