import * as Effect from "effect/Effect"
import { type Adapter, AdapterError, type Operation } from "../../src/contract/Adapter.ts"
import * as Guard from "../../src/guard/Guard.ts"
import type { StoreChange } from "../../src/options/Answer.ts"
import * as MemoryAdapter from "../../src/stores/MemoryAdapter.ts"
import { eachVerb } from "./EachVerb.ts"
import { remote } from "./Wrappers.ts"

type State = "answers" | "refuses" | "silent" | "busy" | "read-only" | "rejects" | "slow"

/** A store whose state a test sets. It counts the requests that reach it. */
export class Store {
  state: State = "answers"
  asked = 0
  readonly changes: Array<StoreChange["state"]> = []
  readonly adapter: Adapter
  readonly timeout: number

  constructor(timeout = 2_000, partOf?: Adapter["partOf"]) {
    this.timeout = timeout
    this.adapter = {
      ...eachVerb(remote(MemoryAdapter.make()), ({ effect, key, verb }) =>
        Effect.suspend(() => {
          this.asked++
          return this.answer(verb, key, effect)
        })
      ),
      identity: {},
      partOf
    }
    Guard.health(Guard.of(this.adapter))!.listen(({ state }) => this.changes.push(state))
  }

  private answer<A, E, R>(operation: Operation, key: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, any, R> {
    const failed = (more: Partial<AdapterError>) =>
      Effect.fail(
        new AdapterError({
          adapter: "memory",
          operation,
          key,
          reason: more.reason ?? "Unavailable",
          message: this.state,
          retryAfter: more.retryAfter,
          unanswered: more.unanswered,
          answered: more.answered
        })
      )
    const state = key.startsWith("lost:") ? "refuses" : this.state
    switch (state) {
      case "answers":
        return effect
      case "slow":
        return Effect.delay(effect, 1_000)
      case "refuses":
        return failed({})
      case "busy":
        return failed({ retryAfter: 100 })
      case "read-only":
        return failed({ answered: true })
      case "rejects":
        return failed({ reason: "Rejected" })
      case "silent":
        return Effect.andThen(Effect.sleep(this.timeout), failed({ unanswered: this.timeout }))
    }
  }
}
