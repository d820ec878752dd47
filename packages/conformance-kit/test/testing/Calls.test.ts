import { type Adapter, InvalidOption, MemoryAdapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import {
  allVerbs,
  ask,
  failureOf,
  hit,
  hitOf,
  lead,
  load,
  minute,
  put,
  refusalOf,
  run,
  subscriptions,
  tagOf,
  text,
  until,
  value
} from "../../src/testing/Calls.ts"
import * as Faults from "../../src/testing/Faults.ts"
import { recorded } from "../../src/testing/Recorded.ts"
import { stampede } from "../../src/testing/Stampede.ts"
import { listening, watching } from "../../src/testing/Subscriptions.ts"
import { Backend } from "../fixtures/EntryAdapter.ts"

describe("calls in short", () => {
  it("lead, load and hit, and throw at any other answer", async () => {
    const adapter = MemoryAdapter.make()
    await load(adapter, "k", text("v"))
    expect((await hitOf(adapter, "k")).value).toEqual(text("v"))
    await expect(lead(adapter, "k")).rejects.toThrow("expected to lead, not Hit")
    await lead(adapter, "led")
    expect(await tagOf(adapter, "led")).toBe("Follower")
    await expect(hitOf(adapter, "led")).rejects.toThrow("expected a hit, not Follower")
    expect(() => hit({ _tag: "Follower", leaseEndsIn: 1, stale: undefined })).toThrow("not Follower")
    expect(await failureOf(Effect.fail("why"))).toBe("why")
  })

  it("are every verb that the adapter has, and no other", async () => {
    const peer = new Backend().peer()
    const names = allVerbs(peer).map(([operation]) => operation)
    expect(new Set(names)).toEqual(
      new Set([
        "acquire",
        "fill",
        "abandon",
        "renew",
        "delete",
        "put",
        "read",
        "touch",
        "acquireMany",
        "keys",
        "deleteMany"
      ])
    )
    expect(subscriptions(peer).map(([operation]) => operation)).toEqual(["watch", "changes"])
    for (const [, call] of [...allVerbs(peer), ...subscriptions(peer)]) await run(call)
    const { acquireMany: _, changes: _c, deleteMany: _d, keys: _k, watch: _w, ...least } = peer
    expect(allVerbs(least)).toHaveLength(11)
    expect(subscriptions(least)).toEqual([])
  })

  it("wait for a condition", async () => {
    let asked = 0
    await until("the third time", () => ++asked === 3)
    expect(asked).toBe(3)
  })
})

describe("a refusal", () => {
  it("is the error by which options are refused", () => {
    expect(refusalOf(() => MemoryAdapter.make({ maxEntries: -1 })).option).toBe("maxEntries")
    expect(() => refusalOf(() => MemoryAdapter.make())).toThrow("the options were accepted")
    const shown = new InvalidOption({
      context: { phase: "configure" } as never,
      message: "not a secret",
      option: "url",
      value: "",
      accepted: "a URL"
    })
    expect(() =>
      refusalOf(() => {
        throw shown
      })
    ).toThrow("shows a secret")
  })
})

describe("subscriptions", () => {
  it("are live until they are left", async () => {
    const backend = new Backend()
    const [here, there] = [backend.peer(), backend.peer()]
    const { heard, leave } = await listening(here)
    const watcher = await watching(here, "k")
    expect(watcher.isWoken()).toBe(false)
    await put(there, "k")
    await watcher.woken
    expect(watcher.isWoken()).toBe(true)
    await until("the change", () => heard.length === 1)
    await leave()
    await watcher.leave()
    await put(there, "k")
    expect(heard).toEqual(["k"])
  })
})

describe("the cost of calls", () => {
  it("is listed by name, call by call, without the client's own requests", async () => {
    const log: Array<{ readonly name: string }> = [{ name: "hello" }]
    const sent = recorded({ commands: () => log, resetCommands: () => void log.splice(0) }, ({ name }) =>
      name === "ping" ? undefined : name
    )
    expect(sent.take()).toEqual(["hello"])
    const call = Effect.sync(() => void log.push({ name: "ping" }, { name: "get" }))
    expect(await sent.of(call)).toEqual(["get"])
    expect(sent.take()).toEqual([])
  })

  it("of many callers and a cold key is one load", async () => {
    const memory = MemoryAdapter.make()
    const sent: Array<{ readonly name: string }> = []
    const counted = { commands: () => sent, resetCommands: () => void sent.splice(0) }
    const { adapter } = Faults.scripted(memory)
    const asked: Adapter = {
      ...adapter,
      acquire: (key, options) =>
        Effect.tap(adapter.acquire(key, options), () => Effect.sync(() => sent.push({ name: "acquire" })))
    }
    const told = await stampede([{ adapter: asked, sent: recorded(counted).take }], "k", { callers: 20, loadTime: 10 })
    expect(told.sent[0]!.length).toBeLessThan(20)
    expect(told.late).toBeGreaterThanOrEqual(0)
    const forgetful = {
      ...memory,
      identity: {},
      acquire: (key: string) => memory.acquire(key, ask(`${Math.random()}`, { force: true }))
    }
    const peers = [1, 2].map(() => ({ adapter: { ...forgetful, identity: {} }, sent: () => [] }))
    await expect(stampede(peers, "l", { callers: 1, loadTime: 10 })).rejects.toThrow("2 loads")
  })
})

it("values have the given bytes", () => {
  expect([value(1, 2).bytes, text("é").bytes, minute]).toEqual([Uint8Array.of(1, 2), Uint8Array.of(0xc3, 0xa9), 60_000])
})
