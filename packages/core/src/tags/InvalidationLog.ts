/**
 * The log of invalidations: the order in which the store took them, for loads that learn their tags only at their end.
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Adapter, AdapterError } from "../contract/Adapter.ts"
import * as Check from "../contract/Check.ts"
import * as Identity from "../contract/Identity.ts"

/** The key of the log. */
export const logKey = `${Check.reserved}invalidations`

/** The time for which the log and the records of tags are kept: 30 days, in milliseconds. */
export const retention = 30 * 24 * 60 * 60 * 1_000

const encoder = new TextEncoder()

/**
 * The last invalidations, in the order in which the store took them: a number for each tag, and their count in all. A
 * log that was begun anew has another generation.
 */
export interface Log {
  /** 0 where the log was never written or cannot be read. */
  readonly generation: bigint
  readonly count: number
  readonly last: ReadonlyArray<number>
}

/**
 * The number of invalidations that are remembered. This many may come while one load runs, and its value is still
 * cached.
 */
export const remembered = 1_024

/** Bytes of the generation, and of the count. */
const generationBytes = 8
const headBytes = generationBytes + 8

const noLog: Log = { generation: 0n, count: 0, last: [] }

/**
 * The number of a tag in the log: FNV-1a (Fowler, Noll and Vo, RFC 9923). Tags that share a number void each other's
 * loads.
 */
const numberOf = (tag: string): number => {
  let hash = 0x81_1c_9d_c5
  for (const byte of encoder.encode(tag)) hash = Math.imul(hash ^ byte, 0x01_00_01_93)
  return hash >>> 0
}

const decodeLog = (bytes: Uint8Array | undefined): Log => {
  if (bytes === undefined || bytes.byteLength < headBytes || bytes.byteLength % 4 !== 0) return noLog
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const last = Array.from({ length: (bytes.byteLength - headBytes) / 4 }, (_, at) => view.getUint32(headBytes + 4 * at))
  return {
    generation: view.getBigUint64(0),
    count: Number(view.getBigUint64(generationBytes)),
    last: last.slice(-remembered)
  }
}

/** The log with further invalidations. */
const encodeLog = (log: Log, tags: Iterable<string>): Uint8Array => {
  const added = Array.from(tags, numberOf)
  const last = [...log.last, ...added].slice(-remembered)
  const bytes = new Uint8Array(headBytes + 4 * last.length)
  const view = new DataView(bytes.buffer)
  if (log.generation === 0n) crypto.getRandomValues(bytes.subarray(0, generationBytes))
  else view.setBigUint64(0, log.generation)
  view.setBigUint64(generationBytes, BigInt(log.count + added.length))
  for (const [at, number] of last.entries()) view.setUint32(headBytes + 4 * at, number)
  return bytes
}

export const read = (adapter: Adapter): Effect.Effect<Log, AdapterError> =>
  Effect.map(adapter.read(logKey), ({ value }) => decodeLog(value?.bytes))

/** True when one of these tags may have been added to the log since `before`. */
export const mayHave = (log: Log, before: Log, names: ReadonlyArray<string>): boolean => {
  const since = log.count - before.count
  if (log.generation !== before.generation || since < 0 || since > log.last.length) return true
  if (since === 0) return false
  const added = new Set(log.last.slice(-since))
  return names.some((name) => added.has(numberOf(name)))
}

/** The lease under which a process writes the log, in milliseconds. It runs out only when that process dies. */
const logLease = 5_000

/** The number of attempts to write the log under its lease, and the longest pause between them in milliseconds. */
const attempts = 8
const longestPause = 200

/** Records invalidations in the log. The log is written under its lease, so that no other process's record is lost. */
const note = Effect.fnUntraced(function* (adapter: Adapter, tags: ReadonlySet<string>) {
  const options = { owner: crypto.randomUUID(), leaseFor: logLease, refreshWithin: Infinity }
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (attempt > 0) yield* Effect.sleep((yield* Random.next) * Math.min(longestPause, 10 * 2 ** attempt))
    const found = yield* adapter.acquire(logKey, options)
    if (found._tag !== "Leader") continue
    const bytes = encodeLog(decodeLog(found.stale?.value.bytes), tags)
    if (yield* adapter.fill(logKey, { token: found.token, value: { bytes }, lifetime: { fresh: retention, stale: 0 } }))
      return
  }
  // Other processes were always faster, or one died. A new generation voids all loads that began before it.
  yield* adapter.put(logKey, { value: { bytes: encodeLog(noLog, tags) }, lifetime: { fresh: retention, stale: 0 } })
})

/** Records that wait while this process writes. All that have come meanwhile are written together. */
class Notes {
  private next: { readonly tags: Set<string>; readonly noted: Deferred.Deferred<void, AdapterError> } | undefined
  private writing = false
  private readonly adapter: Adapter

  constructor(adapter: Adapter) {
    this.adapter = adapter
  }

  /** Settles when these invalidations are in the log. */
  add(tags: ReadonlyArray<string>): Effect.Effect<void, AdapterError> {
    return Effect.contextWith((context: Context.Context<never>) => {
      const next = this.next ?? { tags: new Set(), noted: Deferred.makeUnsafe() }
      this.next = next
      for (const tag of tags) next.tags.add(tag)
      if (!this.writing) this.write(context)
      return Deferred.await(next.noted)
    })
  }

  /** Writes in a fiber of its own: a caller that leaves must not take the records of the others with it. */
  private write(context: Context.Context<never>): void {
    const { next } = this
    this.next = undefined
    this.writing = next !== undefined
    if (next === undefined) return
    const noted = Effect.suspend(() => note(this.adapter, next.tags))
    Effect.runForkWith(context)(noted).addObserver((exit) => {
      Deferred.doneUnsafe(next.noted, exit)
      this.write(context)
    })
  }
}

/**
 * Returns the log, and begins it where there is none: an absent log could not show which invalidations have come since.
 */
export const begun = (adapter: Adapter, alone: boolean): Effect.Effect<Log, AdapterError> =>
  Effect.flatMap(read(adapter), (log) =>
    log.generation === noLog.generation ? Effect.andThen(add(adapter, [], alone), read(adapter)) : Effect.succeed(log)
  )

const notes = new WeakMap<object, Notes>()

/**
 * Records invalidations in the log.
 *
 * @param alone true where one request must not wait for another's
 */
export const add = (
  adapter: Adapter,
  tags: ReadonlyArray<string>,
  alone: boolean
): Effect.Effect<void, AdapterError> =>
  alone
    ? note(adapter, new Set(tags))
    : Identity.getOrMake(notes, Identity.of(adapter), () => new Notes(adapter)).add(tags)
