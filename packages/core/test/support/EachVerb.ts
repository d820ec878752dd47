import * as Effect from "effect/Effect"
import type { Adapter } from "../../src/contract/Adapter.ts"

/** The verbs of the contract that take a key. */
export type Verb = "acquire" | "fill" | "abandon" | "renew" | "delete" | "put" | "touch" | "read" | "watch"

/** A call of a verb: its arguments, and its effect. */
export interface VerbCall<A, E, R> {
  readonly verb: Verb
  readonly key: string
  readonly options: any
  readonly effect: Effect.Effect<A, E, R>
}

/** The adapter, with the calls of all its verbs passed through something. */
export const eachVerb = (
  adapter: Adapter,
  through: <A, E, R>(call: VerbCall<A, E, R>) => Effect.Effect<A, any, R>
): Adapter => {
  const passed =
    <K extends ReadonlyArray<any>, A, E, R>(verb: Verb, f: (key: string, ...rest: K) => Effect.Effect<A, E, R>) =>
    (key: string, ...rest: K): Effect.Effect<A, any, R> =>
      through({ verb, key, options: rest[0], effect: Effect.suspend(() => f(key, ...rest)) })
  return {
    ...adapter,
    acquire: passed("acquire", adapter.acquire),
    fill: passed("fill", adapter.fill),
    abandon: passed("abandon", adapter.abandon),
    renew: passed("renew", adapter.renew),
    delete: passed("delete", adapter.delete),
    put: passed("put", adapter.put),
    touch: passed("touch", adapter.touch),
    read: passed("read", adapter.read),
    watch: adapter.watch && passed("watch", adapter.watch)
  }
}
