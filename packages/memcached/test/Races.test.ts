/** Two hundred rounds of each race, over several connections and several processes: never a second winner. */
import { spawn } from "node:child_process"
import { type Adapter, Token } from "@cache-locking/core"
import { beforeAll, describe, expect, it } from "vitest"
import type { Outcome } from "./fixtures/Racer.ts"
import { ask, lead, lifetime, minute, open, overServer, run, sleep, value } from "./fixtures/Support.ts"
import * as TextClient from "./fixtures/TextClient.ts"

await overServer((server) => {
  const rounds = 200
  const callers = 50
  const connections = 5

  /** In `fixtures/Racer.ts`. */
  const callersEach = 16

  const adapters = (prefix: string): ReadonlyArray<Adapter> =>
    Array.from({ length: connections }, () => open(server.url, { prefix }))

  /** Runs the rounds, ten at a time. */
  const forAll = async (round: (key: string) => Promise<void>) => {
    for (let first = 0; first < rounds; first += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, i) => round(`k${first + i}`)))
    }
  }

  const fillOf = (token: string) => ({ token: Token(token), value: value(1), lifetime: lifetime(minute) })

  describe("over several connections", () => {
    it("one of fifty leads", async () => {
      const peers = adapters("acquire")
      await forAll(async (key) => {
        const found = await Promise.all(
          Array.from({ length: callers }, (_, i) => run(peers[i % connections]!.acquire(key, ask(`owner ${i}`))))
        )
        expect(found.filter(({ _tag }) => _tag === "Leader")).toHaveLength(1)
        expect(found.filter(({ _tag }) => _tag === "Follower")).toHaveLength(callers - 1)
      })
    })

    it("a fill and a delete at once leave no value, and agree on who was first", async () => {
      const peers = adapters("delete")
      const held: Array<boolean> = []
      await forAll(async (key) => {
        const { token } = await lead(peers[0]!, key)
        // A fill has half the way of a delete.
        const late = Number(key.slice(1)) % 2 === 1
        const filling = (late ? sleep(1) : Promise.resolve()).then(() => run(peers[0]!.fill(key, fillOf(token))))
        const [filled, ...existed] = await Promise.all([
          filling,
          run(peers[1]!.delete(key)),
          run(peers[2]!.delete(key))
        ])
        expect(existed.filter(Boolean)).toHaveLength(filled ? 1 : 0)
        expect((await run(peers[3]!.read(key))).value).toBeUndefined()
        held.push(filled)
      })
      // Both orders were met, else nothing was tried.
      expect(new Set(held).size).toBe(2)
    })

    it("a fill as its lease ends, or another's lead: never both", async () => {
      const peers = adapters("expiry")
      const held: Array<boolean> = []
      await forAll(async (key) => {
        const leaseFor = 20
        const { token } = await lead(peers[0]!, key, "me", { leaseFor })
        await sleep(leaseFor - (Number(key.slice(1)) % 10))
        const [filled, ...found] = await Promise.all([
          run(peers[0]!.fill(key, fillOf(token))),
          ...Array.from({ length: 10 }, async (_, i) => {
            await sleep(i % 4)
            return run(peers[i % connections]!.acquire(key, ask(`owner ${i}`)))
          })
        ])
        expect(found.filter(({ _tag }) => _tag === "Leader")).toHaveLength(filled ? 0 : 1)
        held.push(filled)
      })
      expect(new Set(held).size).toBe(2)
    })

    it("an old leader against a put: the put stays", async () => {
      const peers = adapters("put")
      await forAll(async (key) => {
        const { token } = await lead(peers[0]!, key)
        await Promise.all([
          run(peers[0]!.fill(key, fillOf(token))),
          run(peers[1]!.put(key, { value: value(2), lifetime: lifetime(minute) }))
        ])
        expect((await run(peers[2]!.read(key))).value?.bytes).toEqual(value(2).bytes)
      })
    })
  })

  it("a fill, a flush and another's lead at once: never two fills, and what the last one filled is there", async () => {
    const [mine, other] = [open(server.url, { prefix: "flush" }), open(server.url, { prefix: "flush" })]
    const led: Array<string> = []
    for (let round = 0; round < rounds; round++) {
      const key = `k${round}`
      const { token } = await lead(mine, key)
      const late = round % 2 === 1
      const [filled, , found] = await Promise.all([
        (late ? sleep(1) : Promise.resolve()).then(() => run(mine.fill(key, fillOf(token)))),
        TextClient.flushAll(server.url),
        (late ? sleep(1) : Promise.resolve()).then(() => run(other.acquire(key, ask("you"))))
      ])
      led.push(found._tag)
      if (found._tag !== "Leader") continue
      const next = { token: found.token, value: value(2), lifetime: lifetime(minute) }
      // The first fill may have come first, and was flushed away; both can never be there.
      expect(await run(other.fill(key, next))).toBe(true)
      expect(await run(mine.fill(key, fillOf(token)))).toBe(false)
      expect((await run(mine.read(key))).value?.bytes).toEqual(value(2).bytes)
      expect(typeof filled).toBe("boolean")
    }
    expect(led).toContain("Leader")
  })

  describe("over several processes", () => {
    const processes = 3

    const racer = (args: ReadonlyArray<string>): Promise<ReadonlyArray<Outcome>> =>
      new Promise((resolve, reject) => {
        const file = new URL("./fixtures/Racer.ts", import.meta.url).pathname
        const child = spawn(process.execPath, ["--conditions=cache-locking-source", file, ...args], {
          stdio: ["ignore", "pipe", "inherit"]
        })
        let out = ""
        child.stdout.on("data", (data) => {
          out += data
        })
        child.on("error", reject)
        child.on("exit", (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`it ended with ${code}`))))
      })

    let outcomes: ReadonlyArray<Outcome> = []
    beforeAll(async () => {
      const places = Array.from({ length: processes }, (_, place) => String(place))
      outcomes = (await Promise.all(places.map((place) => racer([server.url, place, String(rounds)])))).flat()
    })

    /** What came of each round. */
    const roundsOf = (race: string): ReadonlyArray<ReadonlyArray<string>> => {
      const grouped = Object.groupBy(
        outcomes.filter((outcome) => outcome.race === race),
        ({ key }) => key
      )
      const found = Object.values(grouped).map((outcomes) => outcomes!.map(({ what }) => what))
      expect(found).toHaveLength(rounds)
      return found
    }

    const count = (found: ReadonlyArray<string>, ...what: ReadonlyArray<string>) =>
      found.filter((each) => what.includes(each)).length

    it("one leads", () => {
      for (const found of roundsOf("acquire")) {
        expect(count(found, "Leader")).toBe(1)
        expect(count(found, "Follower")).toBe(processes * callersEach - 1)
      }
    })

    it("a fill and deletes leave no value, and agree on who was first", async () => {
      for (const found of roundsOf("delete")) expect(count(found, "existed")).toBe(count(found, "filled"))
      const adapter = open(server.url, { prefix: "race-delete" })
      for (let round = 0; round < rounds; round++) {
        expect((await run(adapter.read(`k${round}`))).value).toBeUndefined()
      }
    })

    it("a fill as its lease ends, or another's lead: never both", () => {
      const all = roundsOf("expiry")
      for (const found of all) expect(count(found, "filled", "Leader")).toBeLessThanOrEqual(1)
      expect(all.filter((found) => count(found, "filled", "Leader") === 1).length).toBeGreaterThan(rounds / 2)
    })
  })
})
