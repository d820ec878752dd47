/**
 * Reads of many items at once. Items that DynamoDB leaves unread are requested again.
 */
import { BatchGetItemCommand, type BatchGetItemCommandOutput } from "@aws-sdk/client-dynamodb"
import type { Session } from "./Calls.ts"
import * as Item from "./Item.ts"

/** The most items that DynamoDB takes in one batch. */
export const size = 100

/**
 * Reads the items of these names, by name. A reply has at most 16 MB, and less when the table is throttled. The rest is
 * requested until it has come or the verb's time is over.
 */
export const read = async (
  session: Session,
  table: string,
  names: ReadonlyArray<string>
): Promise<ReadonlyMap<string, Item.Item>> => {
  const items = new Map<string, Item.Item>()
  let left: ReadonlyArray<Item.Item> = names.map((name) => ({ [Item.keyName]: { S: name } }))
  for (let attempt = 0; left.length > 0; attempt++) {
    if (attempt > 0) await session.pause(attempt)
    const { Responses, UnprocessedKeys } = await session.send<BatchGetItemCommandOutput>(
      new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [...left], ConsistentRead: true } } })
    )
    // There is one table. The reply may name it differently where an ARN was given.
    for (const item of Object.values(Responses ?? {}).flat()) {
      const name = item[Item.keyName]?.S
      if (name !== undefined) items.set(name, item)
    }
    left = Object.values(UnprocessedKeys ?? {}).flatMap(({ Keys }) => Keys ?? [])
  }
  return items
}
