/** Several processes work on the same keys at random, and one of them is killed half-way: nothing old is ever cached. */
import { type ChildProcess, fork } from "node:child_process"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { orUnavailable, Redis, Unavailable } from "@cache-locking/test-servers"
import { afterAll, describe, expect, it } from "vitest"
import { Channel } from "../src/ipc/Channel.ts"
import type { OpenStore } from "../src/stores/Store.ts"
import { store } from "../src/stores/Stores.ts"
import { keys, type Part, type Start, type ToOrigin, type ToWorker } from "./support/HistoryMessages.ts"
import { Origin } from "./support/HistoryOrigin.ts"

const script = fileURLToPath(new URL("./support/HistoryWorker.ts", import.meta.url))

/** The work of each process in each half, however slow the machine is. */
const enough = { reads: 100, changes: 20 }

/** A worker process and its way to the origin. */
class Worker {
  readonly child: ChildProcess
  readonly channel: Channel<ToWorker, ToOrigin>
  private readonly origin: Origin
  private reads = 0
  private changes = 0
  private end: () => Promise<void> = async () => {}

  constructor(origin: Origin) {
    this.origin = origin
    this.child = fork(script, { serialization: "advanced", stdio: ["ignore", "ignore", 2, "ipc"] })
    this.channel = new Channel<ToWorker, ToOrigin>(this.child)
    this.channel.onAsk("read", (wanted) => origin.read(wanted))
    this.channel.onAsk("change", (wanted) => origin.change(this, wanted))
    this.channel.onAsk("changed", ({ change, known }) => {
      origin.changed(this, change, known)
      if (known) this.changes++
      return undefined
    })
    this.channel.onAsk("floors", (wanted) => {
      this.reads++
      return origin.floors(wanted)
    })
  }

  async run(open: OpenStore, start: Omit<Start, "address">): Promise<Part> {
    const attachment = await open.attach(this.child)
    this.end = async () => attachment[Symbol.asyncDispose]()
    return this.channel.ask("run", { ...start, address: attachment.address })
  }

  /** Waits until it has done its part of a half. */
  async half(): Promise<void> {
    const reads = this.reads + enough.reads
    const changes = this.changes + enough.changes
    while (this.reads < reads || this.changes < changes) await pause(10)
  }

  async kill(): Promise<void> {
    const exited = new Promise((resolve) => this.child.once("exit", resolve))
    this.child.kill("SIGKILL")
    await exited
    this.origin.release(this)
    await this.end()
  }

  async close(): Promise<void> {
    await this.channel.ask("close", undefined)
    await this.kill()
  }
}

const history = async (name: string, url: string | undefined, near: boolean, seed: number) => {
  const origin = new Origin()
  await using open = await store(name).open(url)
  const start = (n: number) => ({ store: name, prefix: `history-${seed}`, seed: seed * 10 + n, near })
  const lasting = [0, 1].map((n) => {
    const each = new Worker(origin)
    return { each, part: each.run(open, start(n)) }
  })
  const killed = new Worker(origin)
  const lost = killed.run(open, start(2)).catch(() => undefined)
  await Promise.all([...lasting.map(({ each }) => each.half()), killed.half()])
  await killed.kill()
  await lost
  const replacement = new Worker(origin)
  const all = [...lasting, { each: replacement, part: replacement.run(open, start(3)) }]
  await Promise.all(all.map(({ each }) => each.half()))
  for (const { each } of all) each.channel.tell("stop", undefined)
  const parts = await Promise.all(all.map(({ part }) => part))
  // Longer than a lease.
  await pause(600)
  const left = await replacement.channel.ask("look", undefined)
  const floors = origin.floors(keys)
  await Promise.all(all.map(({ each }) => each.close()))
  return { parts, left: keys.map((key, i) => ({ key, ...left[i]!, known: floors[key]!.now })) }
}

const redis = await orUnavailable(Redis.start())
afterAll(async () => {
  if (!(redis instanceof Unavailable)) await redis.stop()
})

const stores: ReadonlyArray<readonly [name: string, url: string | undefined, missing: string | undefined]> = [
  ["memory", undefined, undefined],
  ["cluster", undefined, undefined],
  redis instanceof Unavailable ? ["redis", undefined, redis.reason] : ["redis", redis.url, undefined]
]

for (const [name, url, missing] of stores) {
  describe.skipIf(missing !== undefined)(`over ${name}${missing === undefined ? "" : ` (not run: ${missing})`}`, () => {
    for (const [kind, near] of [
      ["plain", false],
      ["with near tiers", true]
    ] as const) {
      it(`${kind}: no caller reads a value older than one that it knows, and none waits for ever`, async () => {
        const seed = 1 + Math.floor(Math.random() * 100_000)
        const { left, parts } = await history(name, url, near, seed)
        expect(parts.flatMap(({ wrong }) => wrong)).toEqual([])
        for (const { key, known, leased, version } of left) {
          expect(leased, `${key} is leased for ever`).toBe(false)
          expect(version ?? known, key).toBeGreaterThanOrEqual(known)
        }
        // The history was not empty.
        expect(parts.some(({ hits }) => hits > 10)).toBe(true)
      })
    }
  })
}
