import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { FetchContext } from "../../src/flight/Fetcher.ts"

/** The failure of an origin. */
export class Broken extends Data.TaggedError("Broken")<{ readonly code: number }> {}

/** The slow origin behind the cache, which counts its loads and their ends. */
export class Origin {
  /** Loads begun. */
  calls = 0
  /** Loads under way. */
  running = 0
  /** The most loads under way at once. */
  most = 0
  /** Loads that were interrupted. */
  interrupted = 0
  /** Loads that ended, in any way. */
  ended = 0
  /** The argument of each load. */
  readonly contexts: Array<FetchContext<any>> = []

  /** A fetcher that works for this long, and then runs a function with the number of its call. */
  readonly load =
    <A, E = never, R = never>(
      millis: number,
      then: (call: number, context: FetchContext<any>) => Effect.Effect<A, E, R>
    ) =>
    (context: FetchContext<any>): Effect.Effect<A, E, R> =>
      // Counted so that no interruption comes between.
      Effect.acquireUseRelease(
        Effect.sync(() => {
          this.contexts.push(context)
          this.most = Math.max(this.most, ++this.running)
          return ++this.calls
        }),
        (call) =>
          Effect.andThen(
            millis === 0 ? Effect.void : Effect.sleep(millis),
            Effect.suspend(() => then(call, context))
          ),
        (_, exit) =>
          Effect.sync(() => {
            this.running--
            this.ended++
            if (Exit.hasInterrupts(exit)) this.interrupted++
          })
      )

  /** A fetcher whose n-th call gives `v<n>`. */
  readonly gives = (millis = 0): ((context: FetchContext<any>) => Effect.Effect<string>) =>
    this.load<string>(millis, (call) => Effect.succeed(`v${call}`))

  /** A fetcher that fails with `Broken`. */
  readonly breaks = (millis = 0): ((context: FetchContext<any>) => Effect.Effect<string, Broken>) =>
    this.load<string, Broken>(millis, (call) => Effect.fail(new Broken({ code: call })))
}
