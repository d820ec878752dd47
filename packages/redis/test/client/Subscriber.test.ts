/** Cases that take too long with a real server: idling, and a connection that is dead unnoticed. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { Push, PushEvents, RedisPort } from "../../src/client/RedisPort.ts"
import { Subscriber } from "../../src/client/Subscriber.ts"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const never = () => new Promise<never>(() => {})

/** A port of which only the messages work. */
const fake = (push: Partial<Push> = {}) => {
  const lines: Array<{ route: string; events: PushEvents; signal: AbortSignal }> = []
  const listeners = new Set<() => void>()
  const port = {
    routeOf: (channel: string) => channel.slice(0, 1),
    patternRoute: "a",
    push: async (route: string, events: PushEvents, signal: AbortSignal) => {
      lines.push({ route, events, signal })
      return { subscribe: async () => 1, unsubscribe: async () => 0, ping: async () => "PONG", ...push }
    },
    onEnd: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  } as unknown as RedisPort
  return { subscriber: new Subscriber(port), lines, listeners }
}

const isOpen = (line: { signal: AbortSignal }) => !line.signal.aborted

const joined = (subscriber: Subscriber, name: string, pattern = false) => {
  const heard: Array<string> = []
  const listener = {
    onMessage: (channel: string, message: string) => heard.push(`${channel} ${message}`),
    onLost: () => heard.push("lost")
  }
  return { heard, ...subscriber.join({ name, pattern }, listener, 100) }
}

describe("a connection", () => {
  it("is kept a while without watchers, and then closed", async () => {
    const { lines, listeners, subscriber } = fake()
    const first = joined(subscriber, "a1")
    await first.live
    first.leave()
    await vi.advanceTimersByTimeAsync(9_000)
    const second = joined(subscriber, "a2")
    await second.live
    await vi.advanceTimersByTimeAsync(60_000)
    expect(lines.map(isOpen)).toEqual([true])
    second.leave()
    await vi.advanceTimersByTimeAsync(11_000)
    expect(lines.map(isOpen)).toEqual([false])
    expect(listeners.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("is one per node", async () => {
    const { lines, subscriber } = fake()
    const watchers = ["a1", "a2", "b1"].map((channel) => joined(subscriber, channel))
    await Promise.all(watchers.map(({ live }) => live))
    expect(lines.map(({ route }) => route)).toEqual(["a", "b"])
    subscriber.close()
    expect(lines.map(isOpen)).toEqual([false, false])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("that does not answer is given up, and its watchers are woken", async () => {
    const { lines, subscriber } = fake({ ping: never })
    const watcher = joined(subscriber, "a")
    await watcher.live
    await vi.advanceTimersByTimeAsync(14_000)
    expect(lines.map(isOpen)).toEqual([true])
    await vi.advanceTimersByTimeAsync(1_200)
    expect(lines.map(isOpen)).toEqual([false])
    expect(watcher.heard).toEqual(["lost"])
  })

  it("that does not answer a subscription in time is given up", async () => {
    const { lines, subscriber } = fake({ subscribe: never })
    const watcher = joined(subscriber, "a")
    const failure = expect(watcher.live).rejects.toThrow("no answer within 100 ms")
    await vi.advanceTimersByTimeAsync(101)
    await failure
    expect(lines.map(isOpen)).toEqual([false])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("is not given up for a refusal", async () => {
    const { lines, subscriber } = fake({ subscribe: () => Promise.reject(new Error("NOPERM no")) })
    await expect(joined(subscriber, "a").live).rejects.toThrow("NOPERM")
    expect(lines.map(isOpen)).toEqual([true])
    await vi.advanceTimersByTimeAsync(11_000)
    expect(lines.map(isOpen)).toEqual([false])
  })

  it("tells each its own, and its end", async () => {
    const { lines, subscriber } = fake()
    const [one, other, all] = [joined(subscriber, "a1"), joined(subscriber, "a2"), joined(subscriber, "a*", true)]
    await Promise.all([one.live, other.live, all.live])
    lines[0]!.events.message("a1", "x")
    lines[0]!.events.patternMessage("a*", "a1", "x")
    lines[0]!.events.message("a3", "x")
    other.leave()
    subscriber.close()
    expect([one.heard, other.heard, all.heard]).toEqual([["a1 x", "lost"], [], ["a1 x", "lost"]])
  })

  it("tells its listeners alone when it is lost", async () => {
    const { lines, subscriber } = fake()
    const [a, b] = [joined(subscriber, "a"), joined(subscriber, "b")]
    await Promise.all([a.live, b.live])
    lines[0]!.events.lost(new Error("gone"))
    expect([a.heard, b.heard]).toEqual([["lost"], []])
    await joined(subscriber, "a").live
    expect(lines.map(({ route }) => route)).toEqual(["a", "b", "a"])
  })
})
