/**
 * Looks for an order of a history's requests, and an instant for each between its
 * sending and its reply, in which `Entry` gives the very replies that were observed.
 *
 * The search goes depth first through the orders that the times allow. Where a reply depends on a deadline, both orders
 * of the two are tried, and each becomes a bound between two instants; a branch whose bounds contradict each other is
 * abandoned. So no judgement rests on a guess at the time that the network took.
 */
import { Token } from "@cache-locking/core"
import type { Event, History } from "./History.ts"
import { atLeast, atMost, type Bound, solve, within } from "./Instants.ts"
import { Matcher, spansOf } from "./Match.ts"
import { move, replay, type State, type Step } from "./Replay.ts"

/** The result of the search. */
export type Explanation =
  | { readonly found: "an order"; readonly steps: ReadonlyArray<Step>; readonly looked: number }
  /** `stuck` holds the longest explained beginning, and the events of which none could be next. */
  | { readonly found: "none"; readonly steps: ReadonlyArray<Step>; readonly stuck: History; readonly looked: number }
  | { readonly found: "no end"; readonly looked: number }

export interface Options {
  /** The allowed error of the backend's clock and of the numbers that it reports, in milliseconds. */
  readonly tolerance: number
  /** The search ends without a result after it has visited this many events. */
  readonly patience?: number | undefined
}

/** Instants closer than this count as one. */
const instant = 0.001

/** The latest time at which an event took effect. One that failed may still do so at any later time. */
const latest = ({ got, reply }: Event): number => (reply.verb === "lost" ? Infinity : got)

const unheard = "a token that nobody heard of "

const isUnheard = (token: Token): boolean => token.startsWith(unheard)

/** The token that the event was granted, if any. */
const grantedTo = ({ reply }: Event, event: number): Token =>
  reply.verb === "acquire" && reply.answer._tag === "Leader" ? reply.answer.token : Token(`${unheard}${event}`)

class Search {
  looked = 0
  best: { readonly steps: ReadonlyArray<Step>; readonly stuck: History } = { steps: [], stuck: [] }
  private readonly history: History
  private readonly tolerance: number
  private readonly patience: number
  /** For every event, those that had ended before it began. */
  private readonly before: ReadonlyArray<ReadonlyArray<number>>

  constructor(history: History, options: Options) {
    this.history = history
    this.tolerance = options.tolerance
    this.patience = options.patience ?? 20_000
    this.before = history.map(({ sent }) => history.flatMap((other, index) => (latest(other) < sent ? [index] : [])))
  }

  run(): ReadonlyArray<Step> | undefined {
    const windows = this.history.flatMap((event, index) =>
      within(index, event.sent - this.tolerance, latest(event) + this.tolerance)
    )
    const instants = solve(this.history.length, windows)
    return instants && this.from([], new Set(), windows, instants)
  }

  private from(
    steps: ReadonlyArray<Step>,
    done: ReadonlySet<number>,
    bounds: ReadonlyArray<Bound>,
    instants: ReadonlyArray<number>
  ): ReadonlyArray<Step> | undefined {
    if (done.size === this.history.length) return steps
    const next = this.candidates(done)
    if (steps.length >= this.best.steps.length) this.best = { steps, stuck: next.map((event) => this.history[event]!) }
    for (const event of next) {
      if (this.looked++ > this.patience) return undefined
      const found = this.take(event, steps, new Set([...done, event]), bounds, instants)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The events that may be next, those first whose replies came first. */
  private candidates(done: ReadonlySet<number>): ReadonlyArray<number> {
    return this.history
      .flatMap((_, event) => (!done.has(event) && this.before[event]!.every((one) => done.has(one)) ? [event] : []))
      .sort((a, b) => this.history[a]!.got - this.history[b]!.got)
  }

  private take(
    event: number,
    steps: ReadonlyArray<Step>,
    done: ReadonlySet<number>,
    bounds: ReadonlyArray<Bound>,
    instants: ReadonlyArray<number>
  ): ReadonlyArray<Step> | undefined {
    const { reply } = this.history[event]!
    const token = grantedTo(this.history[event]!, event)
    const step: Step = { event, token }
    for (const earlier of this.readings(event, token, steps, instants)) {
      const state = replay(this.history, earlier, instants)
      for (const decided of this.decisions(event, state, bounds, instants)) {
        // Other instants may be needed now; the entry is the same but for its times.
        const there = replay(this.history, earlier, decided.instants)
        const moved = move(there, this.history[event]!, decided.instants[event]!, step)
        if (moved.grants && there.granted.has(token)) continue
        const matched =
          reply.verb === "lost" ? [] : new Matcher(this.history, event, there, this.tolerance).match(moved.reply, reply)
        if (matched === undefined) continue
        const told = [...decided.bounds, ...matched]
        const consistent = matched.length === 0 ? decided.instants : solve(this.history.length, told)
        const found = consistent && this.from([...earlier, step], done, told, consistent)
        if (found !== undefined) return found
      }
    }
    // A request without a reply may also never have arrived.
    return reply.verb === "lost" ? this.from(steps, done, bounds, instants) : undefined
  }

  /**
   * The steps so far, and the same steps with the knowledge from this event: if an owner gets the token of a lease
   * whose grant had no reply, that grant had this token.
   */
  private readings(
    event: number,
    token: Token,
    steps: ReadonlyArray<Step>,
    instants: ReadonlyArray<number>
  ): ReadonlyArray<ReadonlyArray<Step>> {
    const { reply, request } = this.history[event]!
    if (request.verb !== "acquire" || reply.verb === "lost") return [steps]
    const { entry, granted } = replay(this.history, steps, instants)
    const unheard = steps.find((step) => step.token === entry?.lease?.token)
    if (unheard === undefined || !isUnheard(unheard.token) || granted.has(token)) return [steps]
    if (entry?.lease?.owner !== request.owner) return [steps]
    return [steps.map((step) => (step === unheard ? { ...step, token } : step)), steps]
  }

  /** Every way in which the deadlines of the state may lie before or after the event, with instants that fit. */
  private *decisions(
    event: number,
    state: State,
    bounds: ReadonlyArray<Bound>,
    instants: ReadonlyArray<number>
  ): Generator<{ readonly bounds: ReadonlyArray<Bound>; readonly instants: ReadonlyArray<number> }> {
    yield* this.decide(event, this.deadlines(this.history[event]!, state), bounds, instants)
  }

  private *decide(
    event: number,
    deadlines: ReadonlyArray<readonly [origin: number, lasts: number]>,
    bounds: ReadonlyArray<Bound>,
    instants: ReadonlyArray<number>
  ): Generator<{ readonly bounds: ReadonlyArray<Bound>; readonly instants: ReadonlyArray<number> }> {
    const [first, ...rest] = deadlines
    if (first === undefined) {
      yield { bounds, instants }
      return
    }
    const [origin, lasts] = first
    for (const bound of [atMost(event, origin, lasts - instant), atLeast(event, origin, lasts + instant)]) {
      const more = [...bounds, bound]
      const fitting = solve(this.history.length, more)
      if (fitting !== undefined) yield* this.decide(event, rest, more, fitting)
    }
  }

  /** The deadlines on which the reply, or the entry after it, may depend. */
  private deadlines({ request }: Event, state: State): ReadonlyArray<readonly [origin: number, lasts: number]> {
    const { entry, from } = state
    if (entry === undefined || request.verb === "put") return []
    const spans = spansOf(this.history, state)
    const early = request.verb === "acquire" ? (request.refreshWithin ?? 0) : 0
    const all: ReadonlyArray<readonly [part: unknown, origin: number, lasts: number]> = [
      [entry.kept, from.fresh, spans.kept],
      [entry.kept, from.fresh, spans.fresh],
      [early > 0 && entry.kept, from.fresh, spans.fresh - early],
      [entry.lease, from.lease, spans.lease],
      [entry.cooldown, from.cooldown, spans.cooldown]
    ]
    return all.flatMap(([part, origin, lasts]) => (part && Number.isFinite(lasts) ? [[origin, lasts] as const] : []))
  }
}

/** Looks for an order that explains the history. */
export const explain = (history: History, options: Options): Explanation => {
  const search = new Search(history, options)
  const steps = search.run()
  const { best, looked } = search
  if (steps !== undefined) return { found: "an order", steps, looked }
  return looked > (options.patience ?? 20_000) ? { found: "no end", looked } : { found: "none", ...best, looked }
}
