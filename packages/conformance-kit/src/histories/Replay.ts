/**
 * A history in one order, at given instants, replayed on `Entry`: the entry at the end, and the event from which each
 * part of it came.
 */
import { Entry, type Token, type Value } from "@cache-locking/core"
import type { Event, History, Reply } from "./History.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A text as a value, and back. */
const valueOf = (text: string): Value => ({ bytes: encoder.encode(text) })
export const textOf = (value: Value | undefined): string | undefined => value && decoder.decode(value.bytes)

/** An event that took effect; `token` is the token that it gets if `Entry` grants it a lease. */
export interface Step {
  readonly event: number
  readonly token: Token
}

/** The event that began each part of the entry. */
export interface Origins {
  /** The event from which its age counts. */
  readonly kept: number
  /** The event from which its freshness counts: a touch begins it anew, and the value is as old as before. */
  readonly fresh: number
  /** The grant of the lease that filled the value; `-1` for what was put. */
  readonly took: number
  readonly lease: number
  /** The grant of the lease, which no renewal moves. */
  readonly grant: number
  readonly cooldown: number
}

export interface State {
  readonly entry: Entry.Entry | undefined
  readonly from: Origins
  /** Every token that was granted so far. */
  readonly granted: ReadonlySet<Token>
}

export const nothing: State = {
  entry: undefined,
  from: { kept: -1, fresh: -1, took: -1, lease: -1, grant: -1, cooldown: -1 },
  granted: new Set()
}

/** The answer of `Entry` as a reply, and true where it granted a new token. */
export interface Moved {
  readonly state: State
  readonly reply: Reply
  readonly grants: boolean
}

/** Plays one event. */
export const move = (state: State, event: Event, now: number, step: Step): Moved => {
  const { request } = event
  let grants = false
  const grant = (): Token => {
    grants = true
    return step.token
  }
  const [reply, next] = ((): Entry.Move<Reply> => {
    switch (request.verb) {
      case "acquire": {
        const [answer, next] = Entry.acquire(state.entry, now, request, grant)
        return [{ verb: "acquire", answer }, next]
      }
      case "fill": {
        const { lifetime, text, token } = request
        return held(
          Entry.fill(state.entry, now, { token, value: text === undefined ? undefined : valueOf(text), lifetime })
        )
      }
      case "abandon": {
        const { cooldown, text, token } = request
        return held(Entry.abandon(state.entry, now, { token, cooldown, cause: valueOf(text) }))
      }
      case "renew":
        return held(Entry.renew(state.entry, now, request))
      case "delete":
        return held(Entry.remove(state.entry, now))
      case "put": {
        const { lifetime, text } = request
        return [{ verb: "put" }, Entry.put(now, { value: valueOf(text), lifetime })[1]]
      }
      case "touch":
        return held(Entry.touch(state.entry, now, request))
      case "read":
        return [{ verb: "read", answer: Entry.read(state.entry, now) }, state.entry]
    }
  })()
  const { from } = state
  // A part that is the same object as before has the same origin as before.
  const changed = (part: keyof Entry.Entry): boolean => next?.[part] !== state.entry?.[part]
  const refilled = changed("kept") && request.verb !== "touch"
  return {
    reply,
    grants,
    state: {
      entry: next,
      from: {
        kept: refilled ? step.event : from.kept,
        fresh: changed("kept") ? step.event : from.fresh,
        took: refilled ? (request.verb === "fill" ? from.grant : -1) : from.took,
        lease: changed("lease") ? step.event : from.lease,
        grant: grants ? step.event : from.grant,
        cooldown: changed("cooldown") ? step.event : from.cooldown
      },
      granted: grants ? new Set([...state.granted, step.token]) : state.granted
    }
  }
}

const held = ([answer, next]: Entry.Move<boolean>): Entry.Move<Reply> => [{ verb: "held", answer }, next]

/** Plays the steps in order, each at its instant. */
export const replay = (history: History, steps: ReadonlyArray<Step>, instants: ReadonlyArray<number>): State =>
  steps.reduce((state, step) => move(state, history[step.event]!, instants[step.event]!, step).state, nothing)
