/**
 * The worker processes of one run, as their parent sees them.
 */
import { type ChildProcess, fork } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Channel } from "../ipc/Channel.ts"
import type { ToParent, ToWorker, WorkerChannel } from "../ipc/Wire.ts"

// The same file as source and as compiled.
const script = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url))

/** One worker process. */
export class Hand {
  readonly index: number
  readonly channel: WorkerChannel
  /** Settles when the process is gone, with how it ended. */
  readonly gone: Promise<string>
  readonly child: ChildProcess
  private ended = false

  constructor(index: number) {
    this.index = index
    this.child = fork(script, [], {
      serialization: "advanced",
      // Twelve processes compile the same modules: the first leaves its work to the others.
      env: { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"), ...process.env },
      // What a worker prints is for people, and not part of the output.
      stdio: ["ignore", 2, 2, "ipc"]
    })
    this.channel = new Channel<ToWorker, ToParent>(this.child)
    this.gone = new Promise((resolve) => {
      this.child.once("error", (error) => resolve(error.message))
      this.child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`))
    })
    this.gone.then(() => {
      this.ended = true
    })
  }

  get lives(): boolean {
    return !this.ended
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** SIGKILL: it cannot tidy up. */
  kill(): void {
    this.child.kill("SIGKILL")
  }

  /** Lets it close what it opened, and waits until it is gone. */
  async dismiss(): Promise<void> {
    await Promise.race([this.channel.ask("close", undefined).catch(() => {}), after(patience)])
    if (this.child.connected) this.child.disconnect()
    const force = setTimeout(() => this.kill(), patience)
    await this.gone
    clearTimeout(force)
  }
}

/** How long a worker may take to end. */
const patience = 2_000

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref())

/** All of them. Disposing kills those that are left. */
export class Crew implements AsyncDisposable {
  readonly hands: ReadonlyArray<Hand>
  /** Ends a wait for workers: one of them died that was not to die, or the run was given up. */
  readonly failed: Promise<never>
  private readonly spared = new Set<Hand>()
  private readonly signal: AbortSignal
  private readonly giveUp: () => void

  constructor(size: number, signal: AbortSignal) {
    this.hands = Array.from({ length: size }, (_, index) => new Hand(index))
    this.signal = signal
    const { promise, reject } = Promise.withResolvers<never>()
    this.failed = promise
    promise.catch(() => {})
    this.giveUp = () => reject(signal.reason)
    signal.addEventListener("abort", this.giveUp)
    if (signal.aborted) this.giveUp()
    for (const hand of this.hands) {
      hand.gone.then((how) => {
        if (!this.spared.has(hand)) reject(new Error(`process ${hand.index + 1} ended by itself (${how})`))
      })
    }
  }

  get living(): ReadonlyArray<Hand> {
    return this.hands.filter((hand) => hand.lives && !this.spared.has(hand))
  }

  /** Kills one as part of the story. */
  sacrifice(hand: Hand): void {
    this.spared.add(hand)
    hand.kill()
  }

  /** Waits for all, unless something goes wrong first. */
  together<A>(f: (hand: Hand) => Promise<A>): Promise<Array<A>> {
    return this.unlessFailed(Promise.all(this.living.map(f)))
  }

  unlessFailed<A>(promise: Promise<A>): Promise<A> {
    return Promise.race([promise, this.failed])
  }

  /** Sends everyone home. */
  async dismiss(): Promise<void> {
    const living = this.living
    for (const hand of living) this.spared.add(hand)
    await Promise.all(living.map((hand) => hand.dismiss()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal.removeEventListener("abort", this.giveUp)
    for (const hand of this.hands) {
      this.spared.add(hand)
      if (hand.lives) hand.kill()
    }
    await Promise.all(this.hands.map(({ gone }) => gone))
  }
}
