/**
 * The statements of the verbs: one conditional write each.
 *
 * Keys, tokens and values are attribute values and never part of an expression.
 */
import {
  type AttributeValue,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  ReturnValuesOnConditionCheckFailure,
  ScanCommand,
  UpdateItemCommand
} from "@aws-sdk/client-dynamodb"
import { Entry, type Lifetime, type Token, type Value } from "@cache-locking/core"
import * as Item from "./Item.ts"

/** An item's place. */
export interface Place {
  readonly table: string
  readonly name: string
}

/** A write whose condition fails is answered with the item that is there. */
const told = { ReturnValuesOnConditionCheckFailure: ReturnValuesOnConditionCheckFailure.ALL_OLD } as const

const at = ({ name, table }: Place) => ({ TableName: table, Key: { [Item.keyName]: { S: name } } })

type Values = Record<string, AttributeValue>

const assignments = (values: Values): string =>
  Object.keys(values)
    .map((name) => `${name} = :${name}`)
    .join(", ")

const named = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`:${name}`, value]))

/** An `UpdateItem` that sets and removes attributes if the condition holds. `also` sets attributes that DynamoDB computes. */
const update = (
  place: Place,
  change: {
    readonly set: Values
    readonly also?: string
    readonly remove?: ReadonlyArray<string>
    readonly when: string
    readonly given: Values
  }
): UpdateItemCommand => {
  const { also, given, remove = [], set, when } = change
  const sets = `SET ${assignments(set)}${also === undefined ? "" : `, ${also}`}`
  return new UpdateItemCommand({
    ...at(place),
    UpdateExpression: remove.length === 0 ? sets : `${sets} REMOVE ${remove.join(", ")}`,
    ConditionExpression: when,
    ExpressionAttributeValues: { ...named(set), ...given },
    ...told
  })
}

/** The condition that the lease is that of the token, and has not ended. */
const held = "leaseToken = :token AND leaseUntil > :now"
const holding = (token: Token, now: number): Values => ({ ":token": { S: token }, ":now": Item.number(now) })

/** The condition that the value beside the lease is gone at the instant in the token. */
const keptAs = (until: number | undefined): readonly [condition: string, given: Values] =>
  until === undefined
    ? ["attribute_not_exists(keptUntil)", {}]
    : ["keptUntil = :keptUntil", { ":keptUntil": Item.number(until) }]

const latest = (...instants: ReadonlyArray<number | undefined>): AttributeValue =>
  Item.seconds(Math.max(0, ...instants.map((instant) => instant ?? 0)))

/** The value and its times. */
const keptAttributes = (now: number, lifetime: Lifetime): Values => {
  const { freshUntil, keptUntil, stale } = Item.lifetimeOf(now, lifetime)
  return {
    filledAt: Item.number(now),
    freshUntil: Item.number(freshUntil),
    staleMs: Item.number(stale),
    staleS: Item.seconds(stale),
    keptUntil: Item.number(keptUntil),
    [Item.ttlName]: latest(keptUntil)
  }
}

export const read = (place: Place): GetItemCommand => new GetItemCommand({ ...at(place), ConsistentRead: true })

/** Writes the lease that was granted on the item as it was read, if the item is unchanged. */
export const grant = (
  place: Place,
  found: Item.Found,
  lease: Entry.Lease,
  keptUntil: number | undefined,
  rev: string
) =>
  update(place, {
    set: {
      rev: { S: rev },
      leaseOwner: { S: lease.owner },
      leaseToken: { S: lease.token },
      leaseSince: Item.number(lease.since),
      leaseUntil: Item.number(lease.until),
      [Item.ttlName]: latest(keptUntil, lease.until)
    },
    // A value that is gone is not kept.
    remove: keptUntil === undefined ? [...Item.coolNames, ...Item.keptNames] : Item.coolNames,
    // There is no item, or a foreign one.
    when: found.rev === undefined ? "NOT attribute_type(rev, :text)" : "rev = :found",
    given: found.rev === undefined ? { ":text": { S: "S" } } : { ":found": { S: found.rev } }
  })

/** Stores the value, or gives the one that is there a new lifetime, and ends the lease. */
export const fill = (
  place: Place,
  now: number,
  rev: string,
  options: { readonly token: Token; readonly value?: Value | undefined; readonly lifetime: Lifetime }
) => {
  const { lifetime, token, value } = options
  const when = value === undefined ? `${held} AND keptUntil > :now` : held
  const given = holding(token, now)
  const remove = [...Item.leaseNames, ...Item.coolNames]
  if (lifetime.fresh + lifetime.stale <= 0) {
    // A value that ends now would still be there for a host whose clock is behind.
    const set = { rev: { S: rev }, [Item.ttlName]: Item.seconds(now) }
    return update(place, { set, remove: [...remove, ...Item.keptNames], when, given })
  }
  return update(place, {
    set: { rev: { S: rev }, ...(value && { v: { B: value.bytes } }), ...keptAttributes(now, lifetime) },
    also: "took = :now - leaseSince",
    remove,
    when,
    given
  })
}

export const renew = (
  place: Place,
  now: number,
  rev: string,
  options: { readonly token: Token; readonly leaseFor: number; readonly keptUntil: number | undefined }
) => {
  const until = now + Item.atLeast(options.leaseFor)
  const [sameKept, given] = keptAs(options.keptUntil)
  return update(place, {
    set: { rev: { S: rev }, leaseUntil: Item.number(until), [Item.ttlName]: latest(options.keptUntil, until) },
    when: `${held} AND ${sameKept}`,
    given: { ...holding(options.token, now), ...given }
  })
}

/** Ends the lease, and removes an item that then has neither a value nor a cooldown. */
export const abandon = (
  place: Place,
  now: number,
  rev: string,
  options: {
    readonly token: Token
    readonly cooldown?: number | undefined
    readonly cause?: Value | undefined
    readonly keptUntil: number | undefined
  }
) => {
  const { cause, cooldown, keptUntil, token } = options
  const [sameKept, kept] = keptAs(keptUntil)
  const [when, given] = [`${held} AND ${sameKept}`, { ...holding(token, now), ...kept }]
  const alive = keptUntil !== undefined && now < keptUntil
  if (!alive && !cooldown) {
    return new DeleteItemCommand({
      ...at(place),
      ConditionExpression: when,
      ExpressionAttributeValues: given,
      ...told
    })
  }
  const until = cooldown ? now + Item.atLeast(cooldown) : undefined
  return update(place, {
    set: {
      rev: { S: rev },
      ...(until !== undefined && { coolUntil: Item.number(until) }),
      ...(until !== undefined && cause && { coolCause: { B: cause.bytes } }),
      [Item.ttlName]: latest(alive ? keptUntil : undefined, until)
    },
    remove: [...Item.leaseNames, ...(alive ? [] : Item.keptNames)],
    when,
    given
  })
}

/**
 * Returns the removed item. Because of the condition, exactly one of many at once finds it; without the condition the
 * emulator would return it to all of them.
 */
export const remove = (place: Place) =>
  new DeleteItemCommand({
    ...at(place),
    ReturnValues: "ALL_OLD",
    ConditionExpression: `attribute_exists(${Item.keyName})`
  })

export const put = (
  { name, table }: Place,
  now: number,
  rev: string,
  options: { readonly value: Value; readonly lifetime: Lifetime }
) =>
  new PutItemCommand({
    TableName: table,
    Item: {
      [Item.keyName]: { S: name },
      rev: { S: rev },
      v: { B: options.value.bytes },
      took: Item.number(0),
      ...keptAttributes(now, options.lifetime)
    }
  })

/** Sets how long a fresh value without a lease or cooldown beside it stays fresh. */
export const touch = (place: Place, now: number, rev: string, freshFor: number) => {
  const freshUntil = now + Item.atMost(freshFor)
  return update(place, {
    set: { rev: { S: rev }, freshUntil: Item.number(freshUntil) },
    also: `keptUntil = :freshUntil + staleMs, ${Item.ttlName} = :freshS + staleS`,
    when: "freshUntil > :now AND attribute_not_exists(leaseToken) AND attribute_not_exists(coolUntil)",
    given: { ":now": Item.number(now), ":freshS": Item.seconds(freshUntil) }
  })
}

/**
 * The same beside a lease or a cooldown, on the item as it was read, if the item is unchanged. Expired parts are
 * removed.
 */
export const touchBeside = (
  place: Place,
  now: number,
  rev: string,
  found: { readonly rev: string; readonly entry: Entry.Entry; readonly kept: Entry.Kept }
) => {
  const [freshUntil, keptUntil] = [Entry.freshUntil(found.kept), Entry.keptUntil(found.kept)]
  const { cooldown, lease } = found.entry
  return update(place, {
    set: {
      rev: { S: rev },
      freshUntil: Item.number(freshUntil),
      keptUntil: Item.number(keptUntil),
      [Item.ttlName]: latest(keptUntil, lease?.until, cooldown?.until)
    },
    remove: [
      ...(lease !== undefined && lease.until <= now ? Item.leaseNames : []),
      ...(cooldown !== undefined && cooldown.until <= now ? Item.coolNames : [])
    ],
    when: "rev = :found",
    given: { ":found": { S: found.rev } }
  })
}

/** A page of the names that have a value or a lease. DynamoDB reads the whole table for it. */
export const names = (table: string, start: string, now: number, from: Item.Item | undefined) =>
  new ScanCommand({
    TableName: table,
    ConsistentRead: true,
    ProjectionExpression: Item.keyName,
    FilterExpression: `begins_with(${Item.keyName}, :start) AND (keptUntil > :now OR leaseUntil > :now)`,
    ExpressionAttributeValues: { ":start": { S: start }, ":now": Item.number(now) },
    ExclusiveStartKey: from
  })
