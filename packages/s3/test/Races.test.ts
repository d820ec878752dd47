/** Races of many over connections of their own, each round of which has one winner. */
import type { Acquired, Adapter, Token } from "@cache-locking/core"
import { S3Moto, type Server } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { S3Adapter } from "../src/index.ts"
import { ask, bucket, clientOf, lifetime, makeBucket, minute, run, value } from "./fixtures/Support.ts"

const rounds = 200
const contenders = 50

/** The stand-in runs on one core: two of them take half the rounds each, where there are two. */
const servers: Array<Server> = []
const peers: Array<ReadonlyArray<Adapter>> = []
const clients: Array<ReturnType<typeof clientOf>> = []
beforeAll(async () => {
  servers.push(...(await Promise.all([1, 2].map(() => S3Moto.start({ own: true })))))
  for (const { url } of servers) {
    await makeBucket(url)
    const own = Array.from({ length: 4 }, () => clientOf(url))
    clients.push(...own)
    peers.push(own.map((client) => S3Adapter.make({ client, bucket, prefix: "races", commandTimeout: "15 seconds" })))
  }
})
afterAll(async () => {
  for (const client of clients) client.destroy()
  for (const server of servers) await server.stop()
})

/** Runs the rounds, some at once, on both servers. */
const each = (
  name: string,
  atOnce: number,
  round: (adapters: ReadonlyArray<Adapter>, key: string) => Effect.Effect<void, unknown>
) =>
  run(
    Effect.forEach(
      Array.from({ length: rounds }, (_, index) => index),
      (index) => round(peers[index % peers.length]!, `${name}${index}`),
      { concurrency: atOnce, discard: true }
    )
  )

const granted = (found: Acquired): Token => {
  if (found._tag !== "Leader") throw new Error(`expected to lead, not ${found._tag}`)
  return found.token
}

const filling = (token: Token) => ({ token, value: value(1), lifetime: lifetime(minute) })

describe(`${rounds} rounds`, () => {
  it(`of ${contenders} that ask for one key: one leads`, () =>
    each(
      "acquire",
      4,
      Effect.fnUntraced(function* (adapters: ReadonlyArray<Adapter>, key: string) {
        const found = yield* Effect.forEach(
          Array.from({ length: contenders }, (_, index) => index),
          (index) => adapters[index % adapters.length]!.acquire(key, ask(`${index}`)),
          { concurrency: "unbounded" }
        )
        expect(found.filter(({ _tag }) => _tag === "Leader")).toHaveLength(1)
        expect(found.filter(({ _tag }) => _tag === "Follower")).toHaveLength(contenders - 1)
      })
    ))

  it("of a fill against a delete: the delete has the last word", () =>
    each(
      "deleting",
      8,
      Effect.fnUntraced(function* ([a, b]: ReadonlyArray<Adapter>, key: string) {
        const token = granted(yield* a!.acquire(key, ask("me")))
        const [held, existed] = yield* Effect.all([a!.fill(key, filling(token)), b!.delete(key)], {
          concurrency: "unbounded"
        })
        expect(held).toBe(existed)
        expect((yield* b!.read(key)).value).toBeUndefined()
      })
    ))

  it("of two fills with one token: one is held", () =>
    each(
      "twice",
      8,
      Effect.fnUntraced(function* ([a, b]: ReadonlyArray<Adapter>, key: string) {
        const token = granted(yield* a!.acquire(key, ask("me")))
        const held = yield* Effect.all([a!.fill(key, filling(token)), b!.fill(key, filling(token))], {
          concurrency: "unbounded"
        })
        expect(held.filter(Boolean)).toHaveLength(1)
      })
    ))

  it("of a fill against one who would lead when the lease ends: never both", () =>
    each(
      "expiring",
      8,
      Effect.fnUntraced(function* ([a, b]: ReadonlyArray<Adapter>, key: string) {
        // Of no length at all: by now it has ended, by some clocks.
        const token = granted(yield* a!.acquire(key, ask("me", { leaseFor: 5 })))
        const [held, found] = yield* Effect.all([a!.fill(key, filling(token)), b!.acquire(key, ask("you"))], {
          concurrency: "unbounded"
        })
        if (found._tag !== "Leader") return
        expect(held).toBe(false)
        expect(yield* b!.fill(key, filling(found.token))).toBe(true)
      })
    ))
})
