import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { AdapterError } from "../../src/contract/Adapter.ts"
import * as Subscriptions from "../../src/contract/Subscriptions.ts"

const failed = (cause: unknown) =>
  new AdapterError({ adapter: "store", operation: "watch", reason: "Unavailable", message: String(cause) })

/** A membership that settles when the test says so. */
const membership = () => {
  const { promise, reject, resolve } = Promise.withResolvers<void>()
  promise.catch(() => {})
  return { live: promise, leave: vi.fn(), resolve, reject }
}

describe("watch", () => {
  it("is live with its subscription, wakes at a message or a loss, and leaves with its scope", async () => {
    const joined = membership()
    let wake = () => {}
    const scope = Scope.makeUnsafe()
    const watching = Effect.runPromise(
      Scope.provide(
        Subscriptions.watch((given) => {
          wake = given
          return joined
        }, failed),
        scope
      )
    )
    joined.resolve()
    const changed = await watching
    wake()
    wake()
    await Effect.runPromise(changed)
    expect(joined.leave).not.toHaveBeenCalled()
    await Effect.runPromise(Scope.close(scope, Exit.void))
    expect(joined.leave).toHaveBeenCalledOnce()
  })

  it("fails when its subscription does", async () => {
    const joined = membership()
    const watching = Effect.runPromise(Effect.flip(Effect.scoped(Subscriptions.watch(() => joined, failed))))
    joined.reject("refused")
    expect(await watching).toMatchObject({ message: "refused" })
    expect(joined.leave).toHaveBeenCalledOnce()
  })
})

describe("a feed of changes", () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const opened = (check?: () => Promise<unknown>) => {
    const events: Array<string> = []
    const joins: Array<ReturnType<typeof membership>> = []
    const join = () => {
      const joined = membership()
      joins.push(joined)
      return joined
    }
    const listener = {
      changed: (key: string) => events.push(key),
      lost: () => events.push("lost"),
      restored: () => events.push("restored")
    }
    const feed = new Subscriptions.ChangeFeed({ join, check }, listener)
    const settle = () => vi.advanceTimersByTimeAsync(0)
    /** The next attempt to join, after its pause. */
    const next = async () => {
      const before = joins.length
      await vi.advanceTimersToNextTimerAsync()
      expect(joins.length).toBe(before + 1)
      return joins.at(-1)!
    }
    return { events, feed, joins, settle, next }
  }

  it("passes changes on, and none once it is stopped", async () => {
    const { events, feed, joins } = opened()
    joins[0]!.resolve()
    await feed.live
    feed.changed("a")
    feed.missed()
    feed.stop()
    feed.changed("b")
    feed.missed()
    feed.close()
    expect(events).toEqual(["a", "lost", "restored"])
    expect(joins[0]!.leave).toHaveBeenCalledOnce()
  })

  it("reports its loss once, tries until it is live again, and reports that", async () => {
    const { events, feed, joins, next, settle } = opened()
    joins[0]!.resolve()
    await feed.live
    feed.lost()
    feed.lost()
    expect([events, feed.isListening]).toEqual([["lost"], false])
    const second = await next()
    second.reject("still down")
    await settle()
    expect(second.leave).toHaveBeenCalledOnce()
    const third = await next()
    third.resolve()
    await settle()
    expect([events, feed.isListening]).toEqual([["lost", "restored"], true])
    feed.rejoin()
    expect(third.leave).toHaveBeenCalledOnce()
    feed.close()
    expect(events).toEqual(["lost", "restored", "lost"])
    await vi.advanceTimersByTimeAsync(5_000)
    expect(joins).toHaveLength(3)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("is lost when its subscription ends in the very moment in which it is live", async () => {
    const { events, feed, joins, next, settle } = opened()
    joins[0]!.resolve()
    feed.lost()
    await feed.live
    expect(events).toEqual(["lost"])
    const second = await next()
    second.resolve()
    feed.lost()
    await settle()
    expect(events).toEqual(["lost"])
    const third = await next()
    third.resolve()
    await settle()
    expect(events).toEqual(["lost", "restored"])
  })

  it("does not try again when it never was live", async () => {
    const { events, feed, joins } = opened()
    joins[0]!.reject("refused")
    feed.lost()
    await expect(feed.live).rejects.toBe("refused")
    feed.close()
    expect(events).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("is not restored before its other conditions hold", async () => {
    let isThere = false
    const { events, feed, joins, next, settle } = opened(async () => {
      if (!isThere) throw new Error("not yet")
    })
    joins[0]!.resolve()
    await feed.live
    feed.lost()
    ;(await next()).resolve()
    await settle()
    expect(events).toEqual(["lost"])
    isThere = true
    ;(await next()).resolve()
    await settle()
    expect(events).toEqual(["lost", "restored"])
  })
})

it("the feeds of an adapter end with their scopes, or all at once", async () => {
  const feeds = new Subscriptions.Feeds()
  const joined = { live: Promise.resolve(), leave: vi.fn() }
  const lost = vi.fn()
  const listener = { changed: () => {}, lost, restored: () => {} }
  const open = feeds.changes({ join: () => joined }, listener, failed)
  await Effect.runPromise(
    Effect.scoped(
      Effect.andThen(
        open,
        Effect.sync(() => expect(feeds.size).toBe(1))
      )
    )
  )
  expect([feeds.size, joined.leave.mock.calls.length, lost.mock.calls.length]).toEqual([0, 1, 0])
  const scope = Scope.makeUnsafe()
  await Effect.runPromise(Scope.provide(open, scope))
  feeds.close()
  expect([feeds.size, lost.mock.calls.length]).toEqual([0, 1])
  await Effect.runPromise(Scope.close(scope, Exit.void))
})
