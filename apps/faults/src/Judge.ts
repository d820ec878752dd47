/**
 * The judge of a record. Nothing is allowed beyond these lines:
 *
 * 1. *A joined flight.* A caller may join a flight of its own process that began before another process's change returned,
 *    and get its load, or the stale value that it found, until its process can know: a third of a lease after the change
 *    returned (the next renewal). Time in which the process was disturbed does not count.
 * 2. *A set without an answer.* What became of a `set` that failed, or whose process died, is unknown: it may take effect
 *    until the faults of that time are over and a request's time has passed. A change that began after that voids it.
 * 3. *A disturbed time.* Nothing is promised in time while a fault lasts that concerns the call (of its process, of a process
 *    that loads its key, of the server or the machine), nor for two requests' time after it. Every bound is one of calm time
 *    in one piece. A lease of a killed process lasts as a fault for as long as a lease lasts.
 * 4. *Wrong clocks* (of leases and lifetimes, where hosts keep them) may lengthen a wait or a lifetime by the largest
 *    difference of two clocks.
 *
 * A server that was restarted empty, or a process that stood still, is allowed no older value and no second fill.
 */
import type { Call, Change, Fault, History, Load } from "./History.ts"
import { clockSpan, type Plan } from "./Schedule.ts"

export type Rule =
  /** The value of another key. */
  | "other-key"
  /** A value that a change had voided before the call began. */
  | "voided-value"
  /** A hit on a value that is past its lifetime. */
  | "past-window"
  /** Two loads of a key at once, and both are told as cached. */
  | "two-leaders"
  /** A hit on a value whose loader was told that it is not cached. */
  | "untrue-meta"
  | "late-answer"
  /** A follower that slept although the value was there. */
  | "late-wake"
  | "never-ends"
  /** An error that the caller cannot expect. */
  | "bad-error"
  /** The store is said to have failed while it was sound. */
  | "needless-error"
  | "orphaned-lease"
  /** A fetcher that did not run in the asynchronous context of its call: it would load as another user. */
  | "wrong-context"
  /** A process ended that nobody ended. */
  | "bad-exit"
  /** A process did not end when its cache was closed. */
  | "left-behind"

export interface Violation {
  readonly rule: Rule
  readonly at: number
  readonly message: string
  /** The key that it is about. */
  readonly key?: string
  readonly call?: Call
}

/** Milliseconds that scheduling and a few messages may take on a busy machine, when nothing is disturbed. */
const slack = 1_000

/** The longest cooldown after failed loads: core's default. */
const cooldownMax = 1_000

/** Milliseconds after which a follower is awake, counted from the end of the load: some polls, the slowest of a second. */
const wakeBound = 2_500

/** Milliseconds after an answer could be had within which a store that was down is up. */
const healing = 1_000

const storeErrors = new Set(["CACHE_GET_FAILED", "CACHE_SET_FAILED", "CACHE_DELETE_FAILED"])
const otherErrors = new Set(["OriginFailed", "LOAD_COOLING"])

const byKey = <A extends { readonly key: string }>(all: ReadonlyArray<A>): ReadonlyMap<string, ReadonlyArray<A>> =>
  Map.groupBy(all, ({ key }) => key)

class Judge {
  private readonly plan: Plan
  private readonly history: History
  private readonly changes: ReadonlyMap<string, ReadonlyArray<Change>>
  private readonly loads: ReadonlyMap<string, ReadonlyArray<Load>>
  private readonly calls: ReadonlyMap<string, ReadonlyArray<Call>>
  private readonly loadOf: ReadonlyMap<number, Load>
  /** The answer of the caller that began a load, by the load. */
  private readonly leaderOf: ReadonlyMap<number, Call>
  private readonly clockError: number

  constructor(plan: Plan, history: History) {
    this.plan = plan
    this.history = history
    this.changes = byKey(history.changes)
    this.loads = byKey(history.loads)
    this.calls = byKey(history.calls)
    this.loadOf = new Map(history.loads.map((load) => [load.id, load]))
    this.leaderOf = new Map(
      history.calls.flatMap((call) => (isLeaders(call) ? [[call.value!.load, call] as const] : []))
    )
    this.clockError = plan.clocks.some((error) => error !== 0) ? clockSpan : 0
  }

  *violations(): Generator<Violation> {
    for (const call of this.history.calls) {
      yield* this.ends(call)
      yield* this.answers(call)
    }
    yield* this.leaders()
    for (const { at, key, owner } of this.history.orphans)
      yield { rule: "orphaned-lease", at, key, message: `${owner} holds the lease of ${key}, lives, and does not load` }
    for (const { at, keys, process } of this.history.strays)
      yield {
        ...{ rule: "wrong-context" as const, at, ...(keys[0] !== undefined && { key: keys[0] }) },
        message: `process ${process} ran a fetcher of ${keys.join()} in the context of another call`
      }
    for (const { at, how, message, process } of this.history.departures)
      yield { rule: how === "exited" ? "bad-exit" : "left-behind", at, message: `process ${process} ${message}` }
  }

  /** In time, and without a reason that is none. */
  private *ends(call: Call): Generator<Violation> {
    const { at, key } = { at: call.startedAt, key: call.key }
    if (call.endedAt === undefined) {
      if (!this.wasKilled(call.process))
        yield { rule: "never-ends", at, key, call, message: `${asked(call)} and has no answer` }
      return
    }
    const { commandTimeout, settings } = this.plan
    const bound =
      settings.waitMax + cooldownMax + 2 * this.longestLoad(call.key) + 2 * commandTimeout + this.clockError + slack
    const calm = this.longestCalm(call.startedAt, call.endedAt, this.concerned(call))
    if (calm > bound) {
      const message = `${asked(call)} and was answered after ${span(call)} ms, ${Math.round(calm)} of them in calm; ${Math.round(bound)} are allowed`
      yield { rule: "late-answer", at, key, call, message }
    }
    const { error } = call
    if (error === undefined || otherErrors.has(error.name)) return
    const failed = `${asked(call)} and failed: ${error.name}: ${error.message}`
    if (!storeErrors.has(error.name)) yield { rule: "bad-error", at, key, call, message: failed }
    else if (this.disturbed(call.startedAt - healing, call.endedAt, new Set([call.process])) === 0)
      yield { rule: "needless-error", at, key, call, message: `${failed}; nothing was disturbed` }
  }

  private *answers(call: Call): Generator<Violation> {
    const { key, meta, startedAt: at, value } = call
    if (value === undefined || call.endedAt === undefined) return
    const got = `${asked(call)} and got version ${value.version} (${meta?.cache ?? "HIT"})`
    if (value.key !== key) {
      yield { rule: "other-key", at, key, call, message: `${got} of ${value.key}` }
      return
    }
    const change = this.voidedBy(call)
    if (change !== undefined) {
      const message = `${got}, although the ${change.by} for version ${change.version} by process ${change.process} had returned at ${ms(change.returnedAt!)}`
      yield { rule: "voided-value", at, key, call, message }
    }
    const load = this.loadOf.get(value.load)
    if (load?.endedAt === undefined) return
    const fromStore = call.kind === "get" || meta?.cache === "HIT" || meta?.cache === "STALE"
    if (fromStore) yield* this.fromStore(call, load, load.endedAt, got)
    if (meta?.cache !== "MISS-FOLLOWER-HIT" || load.process === call.process) return
    const calm = this.longestCalm(Math.max(load.endedAt, at), call.endedAt, new Set([call.process, load.process]))
    if (calm > wakeBound + this.clockError) {
      const message = `${got}, which was loaded at ${ms(load.endedAt)}, and woke ${Math.round(calm)} ms of calm later`
      yield { rule: "late-wake", at, key, call, message }
    }
  }

  private *fromStore(call: Call, load: Load, loadedAt: number, got: string): Generator<Violation> {
    const { key, meta, startedAt: at } = call
    const { cacheTtl, staleWhileRevalidate } = this.plan.settings
    const concerned = new Set([load.process, call.process])
    const life = cacheTtl + (meta?.cache === "STALE" ? staleWhileRevalidate : 0)
    const allowed = life + this.clockError + 2 * slack + this.disturbed(loadedAt, at, concerned)
    if (at - loadedAt > allowed) {
      const message = `${got}, which was loaded ${Math.round(at - loadedAt)} ms before; ${Math.round(allowed)} are allowed`
      yield { rule: "past-window", at, key, call, message }
    }
    const { uncached } = this.leaderOf.get(load.id)?.meta ?? {}
    if (uncached === undefined || uncached === "set-failed") return
    // The reply to a fill may be lost, and its repetition finds that the token has served.
    const unsure = uncached === "lost" && this.disturbed(loadedAt, loadedAt + slack, concerned) > 0
    if (!unsure)
      yield {
        rule: "untrue-meta",
        at,
        key,
        call,
        message: `${got}, whose loader was told that it is not cached: ${uncached}`
      }
  }

  /** Of two loads under leases at once, the fill of one is refused: who led is told so. */
  private *leaders(): Generator<Violation> {
    for (const [key, loads] of this.loads) {
      const cached = loads.filter(({ id }) => this.leaderOf.get(id)?.meta?.cache === "MISS-LEADER")
      for (const [i, load] of cached.entries()) {
        const other = cached.slice(i + 1).find(({ startedAt }) => startedAt < load.endedAt!)
        if (other === undefined) continue
        const message = `loads ${load.id} (process ${load.process}) and ${other.id} (process ${other.process}) of ${key} ran at once, and both were cached`
        yield { rule: "two-leaders", at: other.startedAt, key, call: this.leaderOf.get(other.id)!, message }
      }
    }
  }

  private voidedBy(call: Call): Change | undefined {
    const value = call.value!
    const changes = this.changes.get(call.key) ?? []
    const set = value.load === 0 ? changes.find(({ version }) => version === value.version) : undefined
    return changes.find((change) => {
      if (change.version <= value.version || change.returnedAt === undefined || change.returnedAt > call.startedAt)
        return false
      if (set !== undefined && change.startedAt <= this.landedBy(set)) return false
      return !this.mayJoin(call, change, change.returnedAt)
    })
  }

  /** Allowance 2. */
  private landedBy({ endedAt, process, returnedAt, startedAt }: Change): number {
    if (returnedAt !== undefined) return startedAt
    let landed = endedAt ?? Infinity
    for (const { from, until } of this.faultsOf(new Set([process])).sort((one, other) => one.from - other.from))
      if (from <= landed && until > landed) landed = until
    return landed + this.plan.commandTimeout + slack
  }

  /** Allowance 1. A flight shows in its load, and in the calls that it answers. */
  private mayJoin(call: Call, change: Change, returnedAt: number): boolean {
    if (call.kind === "get" || change.process === call.process) return false
    const { key, process, startedAt } = call
    const known = returnedAt + this.plan.settings.leaseTtl / 3 + slack
    if (startedAt > known + this.disturbed(change.startedAt, startedAt, new Set([process]))) return false
    const isOpen = (of: Call | Load): boolean =>
      of.process === process && of.startedAt < returnedAt && (of.endedAt ?? Infinity) + slack >= startedAt
    return (
      (this.loads.get(key) ?? []).some(isOpen) ||
      (this.calls.get(key) ?? []).some((other) => other.kind !== "get" && isOpen(other))
    )
  }

  private wasKilled(process: number): boolean {
    return this.history.faults.some((fault) => fault.kind === "kill" && fault.process === process)
  }

  private longestLoad(key: string): number {
    return Math.max(0, ...(this.loads.get(key) ?? []).map(({ endedAt = 0, startedAt }) => endedAt - startedAt))
  }

  /** The caller's process, and those that load the key before or meanwhile. */
  private concerned({ endedAt, key, process, startedAt }: Call): ReadonlySet<number> {
    const from = startedAt - this.plan.settings.leaseTtl
    const loads = (this.loads.get(key) ?? []).filter(
      (load) => load.startedAt < endedAt! && (load.endedAt ?? Infinity) > from
    )
    return new Set([process, ...loads.map((load) => load.process)])
  }

  /** The faults that concern one of the processes, with the time that follows them. */
  private faultsOf(processes: ReadonlySet<number>): Array<Pick<Fault, "from" | "until">> {
    const after = 2 * this.plan.commandTimeout
    return this.history.faults
      .filter(({ process }) => process === undefined || processes.has(process))
      .map(({ from, until }) => ({ from, until: until + after }))
  }

  /** The pieces of a span in which nothing is disturbed. */
  private calm(from: number, until: number, processes: ReadonlySet<number>): ReadonlyArray<number> {
    const pieces: Array<number> = []
    let at = from
    for (const fault of this.faultsOf(processes).sort((one, other) => one.from - other.from)) {
      if (fault.from >= until) break
      if (fault.from > at) pieces.push(fault.from - at)
      at = Math.max(at, fault.until)
    }
    if (until > at) pieces.push(until - at)
    return pieces
  }

  private longestCalm(from: number, until: number, processes: ReadonlySet<number>): number {
    return Math.max(0, ...this.calm(from, until, processes))
  }

  /** Milliseconds of a span in which something is disturbed. */
  private disturbed(from: number, until: number, processes: ReadonlySet<number>): number {
    if (until <= from) return 0
    return until - from - this.calm(from, until, processes).reduce((sum, piece) => sum + piece, 0)
  }
}

const leaders = new Set<string | undefined>([
  "MISS-LEADER",
  "MISS-LEADER-NOCACHE",
  "MISS-FOLLOWER-FALLBACK",
  "MISS-UNAVAILABLE"
])

/** True for the answer of the caller whose flight loaded the value. */
const isLeaders = ({ meta, value }: Call): boolean =>
  value !== undefined && value.load !== 0 && leaders.has(meta?.cache)

const ms = (instant: number): string => `${instant.toFixed(1)} ms`

const span = ({ endedAt, startedAt }: Call): number => Math.round(endedAt! - startedAt)

const asked = ({ key, kind, process, startedAt }: Call): string =>
  `process ${process} called ${kind} of ${key} at ${ms(startedAt)}`

export const judge = (plan: Plan, history: History): ReadonlyArray<Violation> => [
  ...new Judge(plan, history).violations()
]
