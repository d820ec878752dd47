import * as Effect from "effect/Effect"
import type { Adapter } from "../../src/contract/Adapter.ts"

/** The verbs of the contract that take a key. */
export type Verb = "acquire" | "fill" | "abandon" | "renew" | "delete" | "put" | "touch" | "read" | "watch"

/** An adapter that notes which of its verbs were called, in order. */
export class Recorded {
  readonly adapter: Adapter
  /** What was called, in order. */
  readonly verbs: Array<Verb | "close"> = []
  /** What was called, with the key and the options, in order. */
  readonly calls: Array<{ readonly verb: Verb; readonly key: string; readonly options: any }> = []
  /** Subscriptions that are open now. */
  watching = 0
  /** Calls that have begun and not yet ended. */
  pending = 0

  constructor(inner: Adapter) {
    const note =
      <A extends ReadonlyArray<any>, B, E>(verb: Verb, f: (key: string, ...rest: A) => Effect.Effect<B, E>) =>
      (key: string, ...rest: A): Effect.Effect<B, E> =>
        Effect.suspend(() => {
          this.verbs.push(verb)
          this.calls.push({ verb, key, options: rest[0] })
          this.pending++
          return Effect.ensuring(
            Effect.suspend(() => f(key, ...rest)),
            Effect.sync(() => {
              this.pending--
            })
          )
        })
    const { watch } = inner
    this.adapter = {
      ...inner,
      identity: inner.identity ?? inner,
      acquire: note("acquire", inner.acquire),
      fill: note("fill", inner.fill),
      abandon: note("abandon", inner.abandon),
      renew: note("renew", inner.renew),
      delete: note("delete", inner.delete),
      put: note("put", inner.put),
      touch: note("touch", inner.touch),
      read: note("read", inner.read),
      watch:
        watch &&
        ((key) =>
          Effect.suspend(() => {
            this.verbs.push("watch")
            this.calls.push({ verb: "watch", key, options: undefined })
            return Effect.andThen(
              Effect.acquireRelease(
                Effect.sync(() => this.watching++),
                () => Effect.sync(() => this.watching--)
              ),
              watch(key)
            )
          })),
      close: Effect.suspend(() => {
        this.verbs.push("close")
        return inner.close ?? Effect.void
      })
    }
  }

  /** How often a verb was called. */
  count(verb: Verb | "close"): number {
    return this.verbs.filter((called) => called === verb).length
  }

  /** The options that a verb was given, call by call. */
  given(verb: Verb): Array<any> {
    return this.calls.filter((call) => call.verb === verb).map((call) => call.options)
  }
}
