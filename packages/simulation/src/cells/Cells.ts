/**
 * The cells of the specification's two tables, named by core's own types: a state, a verb or an event that is new in core
 * has no cell, and the tables no longer compile.
 */
import { Entry, type Uncached } from "@cache-locking/core"
import type { FlightEvent, Phase } from "@cache-locking/core/flight/FlightWaiter"
import type { LoadResult } from "@cache-locking/core/flight/LoadContext"
import type { Change } from "../story/History.ts"

type Moves = typeof Entry

type AnswerOf<F> = F extends (...args: never) => Entry.Move<infer A> ? A : never

type Named<A> = A extends { readonly _tag: infer Tag extends string } ? Tag : A extends boolean ? `${A}` : "done"

/** The moves of the state machine. */
export type Verb = { [V in keyof Moves]: [AnswerOf<Moves[V]>] extends [never] ? never : V }[keyof Moves]

/** What a verb may answer. */
export type Outcome<V extends Verb> = Named<AnswerOf<Moves[V]>>

type Answered<V extends Verb> = { [W in V]: `${W} → ${Outcome<W>}` }[V]

/** What an entry has beside its value. */
const holds = { lease: "leased", cooldown: "cooling" } as const satisfies Record<
  Exclude<keyof Entry.Entry, "kept">,
  string
>

type ValueState = "absent" | "fresh" | "stale"

/** A state of an entry: the state of its value, and of the right to load it. */
export type EntryState = ValueState | `${ValueState}, ${(typeof holds)[keyof typeof holds]}`

/** A verb with its answer, or the passage of time between two verbs. */
export type EntryEvent = Answered<Verb> | "time passes"

/** The state of an entry at an instant. */
export const entryStateOf = (entry: Entry.Entry | undefined, now: number): EntryState => {
  const { cooling, freshFor, lease, value } = Entry.read(entry, now)
  const state: ValueState = value === undefined ? "absent" : freshFor > 0 ? "fresh" : "stale"
  return lease !== undefined ? `${state}, leased` : cooling !== undefined ? `${state}, cooling` : state
}

/** The verbs that no load calls. */
type OfCallers = Extract<Verb, "put" | "remove" | "touch">

/** The verbs that a load calls. */
export type OfLoads = Exclude<Verb, OfCallers>

/** A state of a flight. */
export type FlightState = Phase | "unleased" | "closed" | "over"

/** An event that meets a flight. */
export type FlightMeets =
  /** An answer of the store to the load, or none. */
  | Answered<OfLoads>
  | "acquire → Hit, invalid"
  | `${OfLoads} → no answer`
  | "asks again"
  | "subscribed"
  | "not subscribed"
  | "pushed"
  /** The lease of this load, or the one that it waits for, ends by time. */
  | "lease ends"
  /** Another write of the key, or of the tag of its value. */
  | `own ${Change["by"]}`
  | `another's ${Change["by"]}`
  /** What its callers do, and what they are told. */
  | "caller joins"
  | "caller leaves"
  | "last caller leaves"
  | `caller is told ${Exclude<FlightEvent["_tag"], "Settled">}`
  | "cache closes"
  /** The end of the fetcher. */
  | "fetcher succeeds"
  | "fetcher fails"
  | "fetcher is interrupted"
  /** The result. */
  | `settles: ${LoadResult["_tag"] | Uncached | "failed" | "interrupted"}`

/** A cell that nothing reaches. */
export interface Unreachable {
  readonly unreachable: string
}
