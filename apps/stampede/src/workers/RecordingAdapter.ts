/**
 * An adapter that records the adapter behind it: it gives the same answers, and an observation of everything that
 * happens to a lease.
 */
import type { Acquired, Adapter, AdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { now } from "../recording/Clock.ts"
import type { Observation } from "../recording/Recording.ts"

export class RecordingAdapter {
  /** The verbs that were called, in order. */
  readonly verbs: Array<string> = []
  readonly adapter: Adapter
  private readonly held = new Set<string>()
  private readonly onObservation: (observation: Observation) => void
  private onIdle: (() => void) | undefined

  constructor(adapter: Adapter, onObservation: (observation: Observation) => void) {
    this.onObservation = onObservation
    this.adapter = this.wrap(adapter)
  }

  /** Waits until no lease is held through this adapter. */
  async settled(): Promise<void> {
    if (this.held.size > 0) await new Promise<void>((resolve) => (this.onIdle = resolve))
  }

  private wrap(adapter: Adapter): Adapter {
    const watch = adapter.watch
    return {
      ...adapter,
      // Caches over this adapter are caches over the one behind it, and share its flights.
      identity: adapter.identity ?? adapter,
      acquire: (key, options) =>
        this.record("acquire", key, adapter.acquire(key, options), (found) => acquired(found, options.leaseFor)),
      fill: (key, options) =>
        this.record("fill", key, adapter.fill(key, options), (held) => ({ name: "filled", held })),
      abandon: (key, options) =>
        this.record("abandon", key, adapter.abandon(key, options), (held) => ({
          name: "abandoned",
          held,
          cooldown: options.cooldown ?? 0
        })),
      renew: (key, options) =>
        this.record("renew", key, adapter.renew(key, options), (held) => ({
          name: "renewed",
          held,
          leaseFor: options.leaseFor
        })),
      touch: (key, options) => this.record("touch", key, adapter.touch(key, options)),
      delete: (key) => this.record("delete", key, adapter.delete(key), () => ({ name: "deleted" })),
      put: (key, options) => this.record("put", key, adapter.put(key, options)),
      read: (key) => this.record("read", key, adapter.read(key)),
      ...(watch && {
        watch: (key) =>
          Effect.map(this.record("watch", key, watch(key)), (woken) =>
            Effect.tap(woken, () => Effect.sync(() => this.observe(key, now(), { name: "woken" })))
          )
      })
    }
  }

  private record<A, R>(
    verb: string,
    key: string,
    effect: Effect.Effect<A, AdapterError, R>,
    eventOf?: (answer: A) => Observation["event"]
  ): Effect.Effect<A, AdapterError, R> {
    return Effect.suspend(() => {
      this.verbs.push(verb)
      const asked = now()
      const answered =
        eventOf === undefined
          ? effect
          : Effect.map(effect, (answer) => {
              this.observe(key, asked, eventOf(answer))
              return answer
            })
      // A lease that could not be ended in the store is no longer held here either.
      return verb === "fill" || verb === "abandon" ? Effect.ensuring(answered, this.release(key)) : answered
    })
  }

  private observe(key: string, asked: number, event: Observation["event"]): void {
    if (event.name === "led") this.held.add(key)
    this.onObservation({ key, asked, at: now(), event })
  }

  private release(key: string): Effect.Effect<void> {
    return Effect.sync(() => {
      this.held.delete(key)
      if (this.held.size === 0) this.onIdle?.()
    })
  }
}

const acquired = (found: Acquired, leaseFor: number): Observation["event"] => {
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
