/** The scripts do what `Entry` does, move by move. Times are so long that none passes meanwhile, or none at all. */
import { run } from "@cache-locking/conformance-kit/testing"
import { type Adapter, Entry, type Lifetime, Token, type Value } from "@cache-locking/core"
import { Redis as RedisServer } from "@cache-locking/test-servers"
import { serverOfFile } from "@cache-locking/test-servers/vitest"
import * as fc from "fast-check"
import type { Redis } from "ioredis"
import { expect, it } from "vitest"
import { RedisAdapter } from "../src/index.ts"
import { sharded, single } from "../src/Scripts.ts"
import { ioredis } from "./fixtures/Support.ts"

const server = await serverOfFile(RedisServer.start({ own: true }))

const unit = 10_000_000
const time = fc.constantFrom(0, unit, 3 * unit, Number.POSITIVE_INFINITY)
const lifetime = fc.record<Lifetime>({ fresh: time, stale: time })
const bytes = fc.uint8Array({ maxLength: 4 })
const owner = fc.constantFrom("a", "b")
/** The index among the tokens granted so far; one beyond them stands for a token never granted. */
const token = fc.nat(3)

const move = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      verb: fc.constant("acquire" as const),
      owner,
      leaseFor: time,
      refreshWithin: fc.constantFrom(undefined, 0, 2 * unit, Number.POSITIVE_INFINITY),
      force: fc.constantFrom(undefined, false, true)
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({ verb: fc.constant("fill" as const), token, bytes: fc.option(bytes, { freq: 3 }), lifetime })
  },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant("touch" as const), freshFor: time }) },
  {
    weight: 2,
    arbitrary: fc.record({ verb: fc.constant("abandon" as const), token, cooldown: time, bytes: fc.option(bytes) })
  },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("renew" as const), token, leaseFor: time }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("delete" as const) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("put" as const), bytes, lifetime }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant("read" as const) }) }
)
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never

/** `Entry` with a clock that stands still. */
class Model {
  private entry: Entry.Entry | undefined
  private readonly now = 1_000
  private grants = 0
  readonly tokens: Array<Token> = []

  private step<A>([answer, next]: Entry.Move<A>): A {
    this.entry = next
    return answer
  }

  play(move: Move): unknown {
    const token = "token" in move ? (this.tokens.at(-1 - move.token) ?? Token("none")) : Token("none")
    switch (move.verb) {
      case "acquire": {
        const found = this.step(Entry.acquire(this.entry, this.now, move, () => Token(`${++this.grants}`)))
        if (found._tag === "Leader") this.tokens.push(found.token)
        return found
      }
      case "fill":
        return this.step(Entry.fill(this.entry, this.now, { ...move, token, value: valueOf(move.bytes) }))
      case "abandon":
        return this.step(Entry.abandon(this.entry, this.now, { ...move, token, cause: valueOf(move.bytes) }))
      case "renew":
        return this.step(Entry.renew(this.entry, this.now, { ...move, token }))
      case "delete":
        return this.step(Entry.remove(this.entry, this.now))
      case "put":
        return this.step(Entry.put(this.now, { ...move, value: move }))
      case "touch":
        return this.step(Entry.touch(this.entry, this.now, move))
      case "read":
        return Entry.read(this.entry, this.now)
    }
  }
}

const valueOf = (bytes: Uint8Array | null): Value | undefined => (bytes === null ? undefined : { bytes })

/** The same over the adapter. */
class Real {
  readonly tokens: Array<Token> = []
  private readonly adapter: Adapter
  private readonly key: string

  constructor(adapter: Adapter, key: string) {
    this.adapter = adapter
    this.key = key
  }

  async play(move: Move): Promise<unknown> {
    const token = "token" in move ? (this.tokens.at(-1 - move.token) ?? Token("none")) : Token("none")
    const { adapter, key } = this
    switch (move.verb) {
      case "acquire": {
        const found = await run(adapter.acquire(key, move))
        if (found._tag === "Leader") this.tokens.push(found.token)
        return found
      }
      case "fill":
        return run(adapter.fill(key, { ...move, token, value: valueOf(move.bytes) }))
      case "abandon":
        return run(adapter.abandon(key, { ...move, token, cause: valueOf(move.bytes) }))
      case "renew":
        return run(adapter.renew(key, { ...move, token }))
      case "delete":
        return run(adapter.delete(key))
      case "put":
        return run(adapter.put(key, { ...move, value: move }))
      case "touch":
        return run(adapter.touch(key, move))
      case "read":
        return run(adapter.read(key))
    }
  }
}

/** The comparable form: times in whole units, values by their bytes, tokens by the order of their grants. */
const comparable = (answer: unknown, tokens: ReadonlyArray<Token>): unknown => {
  const plain = (name: string, part: unknown): unknown => {
    if (part instanceof Uint8Array) return [...part].join()
    if (typeof part === "number") return Number.isFinite(part) ? Math.round(part / unit) : "for ever"
    if (name === "token") return tokens.indexOf(part as Token)
    if (typeof part === "object" && part !== null) {
      if ("bytes" in part) return plain("bytes", (part as Value).bytes)
      return Object.fromEntries(
        Object.entries(part)
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => [name, plain(name, value)])
      )
    }
    return part
  }
  return plain("answer", answer)
}

it("agrees with Entry on any sequence of moves", async () => {
  const client = ioredis(server.url)
  const adapter = RedisAdapter.make({ client, prefix: "scripts" })
  let keys = 0
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 25 }), async (moves) => {
      const [model, real] = [new Model(), new Real(adapter, `k${++keys}`)]
      for (const move of moves) {
        const [expected, found] = [model.play(move), await real.play(move)]
        expect(comparable(found, real.tokens)).toEqual(comparable(expected, model.tokens))
      }
      // A lease granted twice has two tokens; the same lease has one.
      expect(new Set(real.tokens).size).toBe(new Set(model.tokens).size)
    }),
    { numRuns: 400 }
  )
})

it("keeps instants apart even where Redis has not collected yet", async () => {
  const client: Redis = ioredis(server.url)
  const adapter = RedisAdapter.make({ client, prefix: "late" })
  const { token } = (await run(adapter.acquire("k", { owner: "a", leaseFor: 20 }))) as { token: Token }
  await run(adapter.put("v", { value: { bytes: Uint8Array.of(1) }, lifetime: { fresh: 10, stale: 10 } }))
  // As if the server were late.
  await client.persist("late{k}:lease")
  await client.persist("late{v}")
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(await run(adapter.renew("k", { token, leaseFor: unit }))).toBe(false)
  expect((await run(adapter.acquire("k", { owner: "b", leaseFor: unit })))._tag).toBe("Leader")
  expect((await run(adapter.read("v"))).value).toBeUndefined()
  expect(await run(adapter.acquire("v", { owner: "b", leaseFor: unit }))).toMatchObject({
    _tag: "Leader",
    stale: undefined
  })
  expect(await run(adapter.delete("v"))).toBe(false)
})

it("knows its scripts by the digest that the server computes", async () => {
  const client: Redis = ioredis(server.url)
  for (const { lua, sha } of [single, sharded].flatMap((scripts) => Object.values(scripts))) {
    expect(await client.script("LOAD", lua)).toBe(sha)
  }
})
