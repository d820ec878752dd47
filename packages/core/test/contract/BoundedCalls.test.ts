import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import * as BoundedCalls from "../../src/contract/BoundedCalls.ts"
import * as Failures from "../../src/contract/Failures.ts"

const failures = Failures.make({ adapter: "store", verdict: () => "passes" })
const make = (more: Partial<BoundedCalls.Settings> = {}) => BoundedCalls.make({ failures, timeout: 100, ...more })

const never = new Promise<never>(() => {})

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** The end of a call, so far. */
const started = <A, E>(call: Effect.Effect<A, E>) => {
  const ended: Array<unknown> = []
  const fiber = Effect.runFork(call)
  fiber.addObserver((exit) => ended.push(Exit.isSuccess(exit) ? exit.value : `${exit.cause}`))
  return { ended, leave: () => Effect.runPromise(Fiber.interrupt(fiber)) }
}

describe.each(["shared", "own"] as const)("a call with %s timers", (timers) => {
  it("returns the client's answer, or a value made from it", async () => {
    const calls = make({ timers })
    const plain = started(calls.run("read", "k", async () => 1))
    const read = started(
      calls.run(
        "read",
        "k",
        async () => 1,
        (reply) => Effect.succeed(reply + 1)
      )
    )
    await vi.advanceTimersByTimeAsync(1)
    expect([plain.ended, read.ended]).toEqual([[1], [2]])
  })

  it("fails as the client does, if it throws, rejects or returns an unreadable answer", async () => {
    const calls = make({ timers })
    const no = (): never => {
      throw new Error("no")
    }
    const all = [
      calls.run("read", "k", no),
      calls.run("read", "k", async () => no()),
      calls.run("read", "k", async () => 1, no)
    ].map((call) => started(Effect.flip(call)))
    await vi.advanceTimersByTimeAsync(1)
    for (const { ended } of all) {
      expect(ended).toMatchObject([{ adapter: "store", operation: "read", key: "k", message: "no" }])
    }
    await vi.advanceTimersByTimeAsync(200)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("ends when its time is over, gives the client up, and ignores a late answer", async () => {
    const heard: Array<string> = []
    const calls = make({ timers, onTimeout: ({ message }) => void heard.push(message) })
    const { promise, resolve } = Promise.withResolvers<number>()
    let signal: AbortSignal | undefined
    const call = started(
      Effect.flip(
        calls.run("read", "k", (call) => {
          signal = call.signal
          return promise
        })
      )
    )
    await vi.advanceTimersByTimeAsync(99)
    expect(call.ended).toEqual([])
    await vi.advanceTimersByTimeAsync(3)
    expect(call.ended).toMatchObject([{ reason: "Unavailable", message: "no answer within 100 ms" }])
    expect([signal?.aborted, heard]).toEqual([true, ["no answer within 100 ms"]])
    resolve(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(call.ended).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("gives the client up when its caller leaves", async () => {
    let signal: AbortSignal | undefined
    const call = started(
      make({ timers }).run("read", "k", (call) => {
        signal = call.signal
        return never
      })
    )
    await call.leave()
    expect(signal?.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(200)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("waits for a client that is not ready, and is not sent once it is over", async () => {
    const starts = new Set<() => void>()
    const whenReady = (start: () => void) => {
      starts.add(start)
      return () => void starts.delete(start)
    }
    const calls = make({ timers, whenReady })
    let sent = 0
    const send = async () => ++sent
    const [sooner, late, left] = [1, 2, 3].map(() => started(calls.run("read", "k", send)))
    expect([starts.size, sent]).toEqual([3, 0])
    for (const start of [...starts].slice(0, 1)) start()
    await left!.leave()
    await vi.advanceTimersByTimeAsync(102)
    expect(sooner!.ended).toEqual([1])
    expect(String(late!.ended)).toContain("no answer within 100 ms")
    for (const start of starts) start()
    expect(sent).toBe(1)
  })

  it("is sent again after a race that it lost, and when its answer says so", async () => {
    const calls = make({ timers, repeats: (error) => (error as Error).message === "lost" })
    let sent = 0
    const send = async () => {
      sent++
      if (sent < 3) throw new Error("lost")
      return sent
    }
    const call = started(calls.run("acquire", "k", send, (reply) => (reply < 5 ? undefined : Effect.succeed(reply))))
    await vi.advanceTimersByTimeAsync(1)
    expect(call.ended).toEqual([5])
    const left = started(
      calls.run(
        "acquire",
        "k",
        async () => ++sent,
        () => undefined
      )
    )
    await left.leave()
    const before = sent
    await vi.advanceTimersByTimeAsync(1)
    expect(sent).toBe(before)
  })

  it("may be ended by a client that calls back", async () => {
    const calls = make({ timers })
    const good = started(calls.begin<number>("read", "k", (call) => call.end(Effect.succeed(1))))
    const bad = started(Effect.flip(calls.begin<number>("read", "k", (call) => call.fail(new Error("no")))))
    const silent = started(Effect.flip(calls.begin<number>("read", "k", () => {})))
    await vi.advanceTimersByTimeAsync(102)
    expect(good.ended).toEqual([1])
    expect(bad.ended).toMatchObject([{ message: "no" }])
    expect(silent.ended).toMatchObject([{ message: "no answer within 100 ms" }])
  })
})

it("a call with a timer of its own has more time for more bytes", async () => {
  const calls = make({ timers: "own" })
  const call = started(
    Effect.flip(
      calls.run("read", "k", (call) => {
        call.expect(50 * 1024)
        return never
      })
    )
  )
  await vi.advanceTimersByTimeAsync(149)
  expect(call.ended).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(call.ended).toMatchObject([{ message: "no answer within 150 ms" }])
})

describe("a shared timer", () => {
  const calls = (deadlines: BoundedCalls.Deadlines) => {
    const late: Array<string> = []
    const add = (name: string, after: number) => {
      const call = { deadline: performance.now() + after, expire: () => late.push(name) }
      deadlines.add(call)
      return call
    }
    return { late, add }
  }

  it("notifies each call that is not answered in time, once and in their order, by one timer", () => {
    const deadlines = new BoundedCalls.Deadlines()
    const { add, late } = calls(deadlines)
    add("a", 100)
    add("b", 100)
    vi.advanceTimersByTime(50)
    add("c", 100)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(52)
    expect(late).toEqual(["a", "b"])
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(52)
    expect(late).toEqual(["a", "b", "c"])
    vi.advanceTimersByTime(1_000)
    expect(late).toEqual(["a", "b", "c"])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("an answered call is not notified, and leaves no timer beyond its time", () => {
    const deadlines = new BoundedCalls.Deadlines()
    const { add, late } = calls(deadlines)
    deadlines.remove(add("a", 100))
    vi.advanceTimersByTime(200)
    expect(late).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("an answer that arrived while the process was busy is in time", () => {
    const deadlines = new BoundedCalls.Deadlines()
    const { add, late } = calls(deadlines)
    const call = add("a", 100)
    // The timer is due, and the answer is read first.
    setTimeout(() => deadlines.remove(call), 100)
    vi.advanceTimersByTime(200)
    expect(late).toEqual([])
  })
})
