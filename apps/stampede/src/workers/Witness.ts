/**
 * An adapter that is looked at: the same answers, and a note of every turn that leases take.
 */
import type { Acquired, Adapter, AdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { now } from "../recording/Clock.ts"
import type { Sighting } from "../recording/Recording.ts"

/** What was seen through one adapter. */
export class Witness {
  /** The verbs that were used, in order. */
  readonly verbs: Array<string> = []
  readonly adapter: Adapter
  private readonly held = new Set<string>()
  private readonly tell: (sighting: Sighting) => void
  private idle: (() => void) | undefined

  constructor(adapter: Adapter, tell: (sighting: Sighting) => void) {
    this.tell = tell
    this.adapter = this.wrap(adapter)
  }

  /** Waits until no lease is held through this adapter any more. */
  async settled(): Promise<void> {
    if (this.held.size > 0) await new Promise<void>((resolve) => (this.idle = resolve))
  }

  private wrap(adapter: Adapter): Adapter {
    const watch = adapter.watch
    return {
      ...adapter,
      // Caches over the witness are caches over the adapter, and share its flights.
      identity: adapter.identity ?? adapter,
      acquire: (key, options) =>
        this.seen("acquire", key, adapter.acquire(key, options), (found) => acquired(found, options.leaseFor)),
      fill: (key, options) => this.seen("fill", key, adapter.fill(key, options), (held) => ({ name: "filled", held })),
      abandon: (key, options) =>
        this.seen("abandon", key, adapter.abandon(key, options), (held) => ({
          name: "abandoned",
          held,
          cooldown: options.cooldown ?? 0
        })),
      renew: (key, options) =>
        this.seen("renew", key, adapter.renew(key, options), (held) => ({
          name: "renewed",
          held,
          leaseFor: options.leaseFor
        })),
      touch: (key, options) => this.seen("touch", key, adapter.touch(key, options), nothing),
      delete: (key) => this.seen("delete", key, adapter.delete(key), () => ({ name: "deleted" })),
      put: (key, options) => this.seen("put", key, adapter.put(key, options), nothing),
      read: (key) => this.seen("read", key, adapter.read(key), nothing),
      ...(watch && {
        watch: (key) =>
          Effect.map(this.seen("watch", key, watch(key), nothing), (woken) =>
            Effect.tap(woken, () => Effect.sync(() => this.note(key, now(), { name: "woken" })))
          )
      })
    }
  }

  private seen<A, R>(
    verb: string,
    key: string,
    effect: Effect.Effect<A, AdapterError, R>,
    event: (answer: A) => Sighting["event"] | undefined
  ): Effect.Effect<A, AdapterError, R> {
    return Effect.suspend(() => {
      this.verbs.push(verb)
      const asked = now()
      const answered = Effect.map(effect, (answer) => {
        const happened = event(answer)
        if (happened !== undefined) this.note(key, asked, happened)
        return answer
      })
      // A lease whose end could not be told is not held any more either.
      return verb === "fill" || verb === "abandon" ? Effect.ensuring(answered, this.release(key)) : answered
    })
  }

  private note(key: string, asked: number, event: Sighting["event"]): void {
    if (event.name === "led") this.held.add(key)
    this.tell({ key, asked, at: now(), event })
  }

  private release(key: string): Effect.Effect<void> {
    return Effect.sync(() => {
      this.held.delete(key)
      if (this.held.size === 0) this.idle?.()
    })
  }
}

const nothing = (): undefined => undefined

const acquired = (found: Acquired, leaseFor: number): Sighting["event"] => {
  switch (found._tag) {
    case "Hit":
      return { name: "hit" }
    case "Leader":
      return { name: "led", leaseFor }
    case "Follower":
      return { name: "followed", leaseEndsIn: found.leaseEndsIn }
    case "Cooling":
      return { name: "cooling" }
  }
}
