import * as Effect from "effect/Effect"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { eachVerb, type Verb } from "./EachVerb.ts"

/** An adapter that records the calls of its verbs, in order. */
export class Recorded {
  readonly adapter: Adapter
  /** The called verbs, in order. */
  readonly verbs: Array<Verb | "close"> = []
  /** The called verbs with their keys and options, in order. */
  readonly calls: Array<{ readonly verb: Verb; readonly key: string; readonly options: any }> = []
  /** Subscriptions that are open now. */
  watching = 0
  /** Calls that have begun and not yet ended. */
  pending = 0

  constructor(inner: Adapter) {
    this.adapter = {
      ...eachVerb(inner, ({ effect, key, options, verb }) =>
        Effect.suspend(() => {
          this.verbs.push(verb)
          this.calls.push({ verb, key, options })
          return verb === "watch" ? this.subscribed(effect) : this.underWay(effect)
        })
      ),
      identity: inner.identity ?? inner,
      close: Effect.suspend(() => {
        this.verbs.push("close")
        return inner.close ?? Effect.void
      })
    }
  }

  private underWay<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    this.pending++
    return Effect.ensuring(
      effect,
      Effect.sync(() => {
        this.pending--
      })
    )
  }

  /** `watch` has a scope, though its type as one verb of many does not show it. */
  private subscribed<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const counted = Effect.acquireRelease(
      Effect.sync(() => this.watching++),
      () => Effect.sync(() => this.watching--)
    )
    return Effect.andThen(counted, effect) as Effect.Effect<A, E, R>
  }

  /** The number of calls of a verb. */
  count(verb: Verb | "close"): number {
    return this.verbs.filter((called) => called === verb).length
  }

  /** The options that a verb was given, call by call. */
  given(verb: Verb): Array<any> {
    return this.calls.filter((call) => call.verb === verb).map((call) => call.options)
  }
}
