/**
 * The statements of the verbs: `core`'s `Entry` restated as update pipelines.
 *
 * A pipeline runs on one document, atomically, and its clock is the server's (`$$NOW`, the same in all of it). It has
 * one stage, which makes a new document of the old one if the verb takes effect. The field `by` is then this call's own
 * mark, from which the adapter knows the answer. A verb that does not take effect writes nothing at all.
 *
 * Owners, tokens and bytes stand behind `$literal`: they are data, never an expression.
 */
import type { Lifetime } from "@cache-locking/core"
import type { Document } from "mongodb"

/** An aggregation expression. */
type Expression = Document | string | number | boolean

/** The instant of the statement, epoch milliseconds. */
const now: Expression = { $toLong: "$$NOW" }

/** Removes a field. */
const removed = "$$REMOVE"

const data = (value: unknown): Document => ({ $literal: value })
const and = (...all: ReadonlyArray<Expression>): Document => ({ $and: all })
const or = (...any: ReadonlyArray<Expression>): Document => ({ $or: any })
const not = (expression: Expression): Document => ({ $not: [expression] })
const when = (condition: Expression, yes: Expression, no: Expression): Document => ({ $cond: [condition, yes, no] })
const later = (ms: number): Document => ({ $add: [now, ms] })

// A missing field is less than any number.
const isLater = (instant: Expression): Document => ({ $gt: [instant, now] })

const keptUntil: Expression = { $add: ["$kept.freshUntil", "$kept.stale"] }
const kept = isLater(keptUntil)
const fresh = isLater("$kept.freshUntil")
const leased = isLater("$lease.until")
const cooling = isLater("$cooldown.until")

const keptOrRemoved = when(kept, "$kept", removed)

/** The last instant that a date can hold. */
const endOfDates = 8.64e15

/** The latest of some instants, which may be missing. */
const latest = (...instants: ReadonlyArray<Expression>): Document => ({ $max: instants })

/** Any instant as a date by which MongoDB collects; no field for an endless one. */
const expiry = (ends: Expression): Expression =>
  // Constants are computed in advance, even where they are not needed, and an endless time is no date.
  when({ $gte: [ends, endOfDates] }, removed, { $toDate: { $toLong: { $min: [ends, endOfDates] } } })

/** The changes of a verb to a document. The other fields stay. */
interface Changes {
  readonly kept?: Expression
  readonly lease: Expression
  readonly cooldown: Expression
  readonly deletedBy?: Expression
}

/** The document with these changes and this call's mark if the condition holds, otherwise as it is. */
const change = (
  mark: string,
  condition: Expression,
  { cooldown, deletedBy = "$deletedBy", kept = "$kept", lease }: Changes,
  ends: Expression
): Array<Document> => {
  const next = { _id: "$_id", kept, lease, cooldown, deletedBy, by: data(mark), at: now, expiresAt: expiry(ends) }
  return [{ $replaceWith: condition === true ? next : when(condition, next, "$$ROOT") }]
}

/** The first characters of marks, which name the verb in the change stream. */
export const verbs = {
  grant: "g",
  fill: "f",
  abandon: "a",
  renew: "r",
  delete: "d",
  put: "p",
  touch: "t",
  version: "v"
} as const

/** A mark of one call of a verb. */
export const mark = (verb: keyof typeof verbs): string => verbs[verb] + crypto.randomUUID()

const valueOf = (bytes: Uint8Array | undefined, took: Expression, { fresh, stale }: Lifetime): Document => ({
  bytes: bytes === undefined ? "$kept.bytes" : data(bytes),
  filledAt: now,
  took,
  freshUntil: later(fresh),
  stale
})

const endOf = ({ fresh, stale }: Lifetime): Document => later(fresh + stale)

const held = (token: string): Document => and(leased, { $eq: ["$lease.token", data(token)] })

export interface Grant {
  readonly owner: string
  /** The token of a new lease. The owner's own lease keeps its token. */
  readonly token: string
  readonly leaseFor: number
  readonly refreshWithin: number
  readonly force: boolean
}

/** Grants the lease, unless the value is fresh, another flight leads, or the key cools down. */
export const grant = (mark: string, { force, leaseFor, owner, refreshWithin, token }: Grant): Array<Document> => {
  const mine = and(leased, { $eq: ["$lease.owner", data(owner)] })
  const wanted: Expression = { $lte: ["$kept.freshUntil", later(refreshWithin)] }
  const free = and(or(not(leased), mine), not(cooling))
  const lease = {
    owner: data(owner),
    token: when(mine, "$lease.token", data(token)),
    since: when(mine, "$lease.since", now),
    until: later(leaseFor)
  }
  return change(
    mark,
    force ? true : and(wanted, free),
    { kept: keptOrRemoved, lease, cooldown: removed },
    latest(keptUntil, later(leaseFor))
  )
}

/** Stores the value, or prolongs the one that is there, and ends the lease. */
export const fill = (
  mark: string,
  token: string,
  lifetime: Lifetime,
  bytes: Uint8Array | undefined
): Array<Document> => {
  const took = { $max: [0, { $subtract: [now, "$lease.since"] }] }
  return change(
    mark,
    bytes === undefined ? and(held(token), kept) : held(token),
    { kept: valueOf(bytes, took, lifetime), lease: removed, cooldown: removed },
    endOf(lifetime)
  )
}

/** Ends the lease, and may begin a cooldown. */
export const abandon = (
  mark: string,
  token: string,
  cooldown: number,
  cause: Uint8Array | undefined
): Array<Document> => {
  const shadow = { until: later(cooldown), ...(cause === undefined ? {} : { cause: data(cause) }) }
  return change(
    mark,
    held(token),
    { kept: keptOrRemoved, lease: removed, cooldown: cooldown > 0 ? shadow : removed },
    latest(keptUntil, later(cooldown))
  )
}

/** Restarts the lease's time. */
export const renew = (mark: string, token: string, leaseFor: number): Array<Document> =>
  change(
    mark,
    held(token),
    { lease: { $mergeObjects: ["$lease", { until: later(leaseFor) }] }, cooldown: "$cooldown" },
    latest(keptUntil, later(leaseFor))
  )

/** Stores the value in any case. */
export const put = (mark: string, lifetime: Lifetime, bytes: Uint8Array): Array<Document> =>
  change(mark, true, { kept: valueOf(bytes, 0, lifetime), lease: removed, cooldown: removed }, endOf(lifetime))

/** Sets how long a fresh value stays fresh. */
export const touch = (mark: string, freshFor: number): Array<Document> =>
  change(
    mark,
    fresh,
    { kept: { $mergeObjects: ["$kept", { freshUntil: later(freshFor) }] }, lease: "$lease", cooldown: "$cooldown" },
    latest({ $add: [later(freshFor), "$kept.stale"] }, "$lease.until", "$cooldown.until")
  )

/**
 * Removes everything. `deletedBy` becomes the mark if there was a value. Unlike `by` it stays, so that a batch can be counted.
 *
 * A document of a hundred bytes remains, which has expired already.
 */
export const remove = (mark: string, margin = 0): Array<Document> =>
  change(
    mark,
    true,
    { deletedBy: when(kept, data(mark), "$deletedBy"), kept: removed, lease: removed, cooldown: removed },
    later(margin)
  )

/** Everything known of a key, and the server's time. */
export const known: Document = { _id: 0, kept: 1, lease: 1, cooldown: 1, now: "$$NOW" }

/** The same for many keys. */
export const knownOfMany: Document = { ...known, _id: 1 }

/** Lists keys with a value or a lease in their order, at most `most`. */
export const listing = (range: Document, most: number): Array<Document> => [
  { $match: { _id: range } },
  { $sort: { _id: 1 } },
  { $project: { live: or(kept, leased) } },
  { $match: { live: true } },
  { $limit: most },
  { $project: { _id: 1 } }
]

// The types of others are not compared at all, and `NaN` is less than every number.
const isNumber = { $gte: Number.NEGATIVE_INFINITY }
const isBinary = { $type: "binData" }
const isText = { $type: "string" }

const absentOr = (field: string, types: Document): Document => ({
  $or: [
    { [field]: { $exists: false } },
    Object.fromEntries(Object.entries(types).map(([name, type]) => [`${field}.${name}`, type]))
  ]
})

/** Finds a document in which all fields that are there have the types that this library gives them. */
export const wellFormed = {
  $and: [
    absentOr("kept", {
      bytes: isBinary,
      filledAt: isNumber,
      took: isNumber,
      freshUntil: isNumber,
      stale: isNumber
    }),
    absentOr("lease", { owner: isText, token: isText, since: isNumber, until: isNumber }),
    absentOr("cooldown", { until: isNumber }),
    { $or: [{ "cooldown.cause": { $exists: false } }, { "cooldown.cause": isBinary }] }
  ]
}

/** Finds a document that this library did not write. */
export const malformed: Document = { $nor: [wellFormed] }

/** The changes that wake watchers, with the mark of the verb, and the ends of the collection. */
export const following: ReadonlyArray<Document> = [
  {
    $project: {
      operationType: 1,
      "documentKey._id": 1,
      by: { $ifNull: ["$updateDescription.updatedFields.by", "$fullDocument.by"] }
    }
  },
  {
    $match: {
      $or: [
        { operationType: { $in: ["invalidate", "drop", "rename", "dropDatabase"] } },
        { by: { $regex: `^[${verbs.fill}${verbs.abandon}${verbs.put}${verbs.delete}]` } }
      ]
    }
  }
]
