/** Races, two hundred times each: one winner, and never a second truth. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import type { Acquired, Adapter } from "@cache-locking/core"
import { type Server, Unavailable } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { ask, connect, lead, lifetime, minute, run, serverWith, sleep, value } from "./fixtures/Support.ts"

const table = "races"
const server = await serverWith(table)
const rounds = 200

describe.skipIf(server instanceof Unavailable)("races", () => {
  const clients: Array<ReturnType<typeof connect>> = []
  let peers: ReadonlyArray<Adapter> = []
  beforeAll(() => {
    for (let i = 0; i < 5; i++) clients.push(connect((server as Server).url))
    peers = clients.map((client) =>
      DynamoDbAdapter.make({ client, table, prefix: "races", commandTimeout: "30 seconds" })
    )
  })
  afterAll(() => {
    for (const client of clients) client.destroy()
  })

  const peer = (index: number): Adapter => peers[index % peers.length]!

  /** Several rounds at once, each on a key of its own. */
  const eachRound = (round: (key: string, index: number) => Promise<unknown>, concurrency = 8) => {
    const name = crypto.randomUUID()
    return run(
      Effect.forEach(
        Array.from({ length: rounds }, (_, index) => index),
        (index) => Effect.promise(() => round(`${name}-${index}`, index)),
        { concurrency }
      )
    )
  }

  const tally = (found: ReadonlyArray<Acquired>) => {
    const counts: Record<string, number> = {}
    for (const { _tag } of found) counts[_tag] = (counts[_tag] ?? 0) + 1
    return counts
  }

  it("fifty of three processes ask for a missing key: one leads", async () => {
    const url = (server as Server).url
    const file = new URL("./fixtures/Racer.ts", import.meta.url)
    const children = [17, 17, 16].map((callers) =>
      fork(file, [url, table, "processes", String(callers)], { execArgv: ["--conditions=cache-locking-source"] })
    )
    const answerOf = async (child: ChildProcess) => (await once(child, "message"))[0] as { tags: ReadonlyArray<string> }
    try {
      await Promise.all(children.map(answerOf))
      for (let round = 0; round < rounds; round++) {
        const answers = children.map(answerOf)
        for (const child of children) child.send(`k${round}`)
        const tags = (await Promise.all(answers)).flatMap((answer) => answer.tags)
        expect(
          tags.filter((tag) => tag === "Leader"),
          `round ${round}: ${tags}`
        ).toHaveLength(1)
        expect(tags.filter((tag) => tag === "Follower")).toHaveLength(49)
      }
    } finally {
      for (const child of children) child.disconnect()
      await Promise.all(children.map((child) => once(child, "exit")))
    }
  })

  it("five ask for a key whose lease has ended: one leads", async () => {
    await eachRound(async (key) => {
      await lead(peer(0), key, "crashed", { leaseFor: 1 })
      await sleep(3)
      const found = await Promise.all(
        Array.from({ length: 5 }, (_, index) => run(peer(index).acquire(key, ask(`o${index}`))))
      )
      expect(tally(found)).toEqual({ Leader: 1, Follower: 4 })
    }, 4)
  })

  it("four of one owner ask at once: one lease, one token", async () => {
    await eachRound(async (key) => {
      const found = await Promise.all(Array.from({ length: 4 }, (_, index) => lead(peer(index), key, "me")))
      expect(new Set(found.map(({ token }) => token)).size).toBe(1)
    })
  })

  it("a fill against a delete: the delete has the last word", async () => {
    await eachRound(async (key, index) => {
      const { token } = await lead(peer(0), key)
      const fill = () => run(peer(0).fill(key, { token, value: value(1), lifetime: lifetime(minute) }))
      const remove = () => run(peer(1).delete(key))
      const [held, existed] =
        index % 2 === 0
          ? await Promise.all([fill(), remove()])
          : await Promise.all([remove(), fill()]).then(([b, a]) => [a, b] as const)
      expect(existed).toBe(held)
      expect(await run(peer(2).read(key))).toMatchObject({ value: undefined, lease: undefined })
    })
  })

  it("a fill against a put: the put has the last word", async () => {
    await eachRound(async (key) => {
      const { token } = await lead(peer(0), key)
      await Promise.all([
        run(peer(0).fill(key, { token, value: value(1), lifetime: lifetime(minute) })),
        run(peer(1).put(key, { value: value(2), lifetime: lifetime(minute) }))
      ])
      expect((await run(peer(2).read(key))).value?.bytes).toEqual(value(2).bytes)
    })
  })

  it("a fill against its lease's end: either it holds, or the next one leads", async () => {
    let won = 0
    await eachRound(async (key, index) => {
      const leaseFor = 25
      const { token } = await lead(peer(0), key, "me", { leaseFor })
      await sleep((index % 10) * 4)
      const [held, next] = await Promise.all([
        run(peer(0).fill(key, { token, value: value(1), lifetime: lifetime(minute) })),
        run(peer(1).acquire(key, ask("you")))
      ])
      if (held) {
        won++
        expect(next._tag).not.toBe("Leader")
        expect((await run(peer(2).acquire(key, ask("they"))))._tag).toBe("Hit")
      } else {
        const later = await run(peer(2).read(key))
        expect(later.value).toBeUndefined()
        if (next._tag === "Leader") expect(later.lease?.owner).toBe("you")
      }
    }, 16)
    // Else nothing was raced.
    expect(won).toBeGreaterThan(0)
    expect(won).toBeLessThan(rounds)
  })

  it("a renewal against a forced load: only one of the two tokens fills", async () => {
    await eachRound(async (key) => {
      await run(peer(0).put(key, { value: value(0), lifetime: lifetime(minute) }))
      const { token } = await lead(peer(0), key, "me", { force: true })
      const [, forced] = await Promise.all([
        run(peer(0).renew(key, { token, leaseFor: minute })),
        lead(peer(1), key, "you", { force: true })
      ])
      const [mine, yours] = await Promise.all([
        run(peer(0).fill(key, { token, value: value(1), lifetime: lifetime(minute) })),
        run(peer(1).fill(key, { token: forced.token, value: value(2), lifetime: lifetime(minute) }))
      ])
      expect([mine, yours]).toEqual([false, true])
      expect((await run(peer(2).read(key))).value?.bytes).toEqual(value(2).bytes)
    })
  })

  it("a touch against a delete, and against a fill without a value: nothing comes back", async () => {
    await eachRound(async (key) => {
      await run(peer(0).put(key, { value: value(1), lifetime: lifetime(minute) }))
      const { token } = await lead(peer(0), key, "me", { force: true })
      const [filled] = await Promise.all([
        run(peer(0).fill(key, { token, lifetime: lifetime(minute) })),
        run(peer(1).delete(key)),
        run(peer(2).touch(key, { freshFor: 2 * minute }))
      ])
      expect(typeof filled).toBe("boolean")
      expect((await run(peer(3).read(key))).value).toBeUndefined()
    })
  })
})
