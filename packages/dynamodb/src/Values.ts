/**
 * DynamoDB as a store of values alone, with the leases in another store.
 */
import type { GetItemCommandOutput } from "@aws-sdk/client-dynamodb"
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb"
import { Identity, type ValueStore } from "@cache-locking/core"
import { Calls } from "./Calls.ts"
import * as Item from "./Item.ts"
import { type Resolved, valueBytes } from "./Options.ts"

/** One store of values for each space, so that adapters over the same two stores share their flights. */
const valuesOf = Identity.perObject((_: object, resolved: Resolved): ValueStore.ValueStore => {
  const { clock, space } = resolved
  const { prefix, table } = space
  const calls = new Calls(resolved)
  // No key of a cache begins with `#`, so no version has the name of a key.
  const nameOf = (name: string) => ({ S: `#${prefix}#${name}` })
  const at = (name: string) => ({ TableName: table, Key: { [Item.keyName]: nameOf(name) } })
  return {
    name: "dynamodb",
    valueBytes,
    get: (name) =>
      calls.run("read", undefined, async (session) => {
        const found = await session.send<GetItemCommandOutput>(
          new GetItemCommand({ ...at(name), ConsistentRead: true })
        )
        return found.Item?.["v"]?.B
      }),
    set: (name, bytes, ttl) =>
      calls.run("put", undefined, async (session) => {
        const expires = Item.seconds(clock.now() + Item.atLeast(ttl))
        const item = { [Item.keyName]: nameOf(name), v: { B: bytes }, [Item.ttlName]: expires }
        await session.send(new PutItemCommand({ TableName: table, Item: item }))
      }),
    delete: (name) =>
      calls.run("delete", undefined, async (session) => {
        await session.send(new DeleteItemCommand(at(name)))
      })
  }
})

export const values = (resolved: Resolved): ValueStore.ValueStore => valuesOf(resolved.space, resolved)
