/**
 * The documents of one collection: every statement that the adapter sends, as a promise of the driver.
 *
 * The driver itself repeats a write once when a connection breaks or a primary steps down (`retryWrites`, its default),
 * and the server then answers what it answered first.
 */
import type { Collection, Document, Filter } from "mongodb"
import { isLostUpsert } from "./Failure.ts"
import * as Statements from "./Statements.ts"
import type { StoredEntry } from "./StoredEntry.ts"

/** How often a document is sought again that another made, and a third took away, at the same time. */
const attempts = 8

/** Batches of keys: one statement each. */
export const batch = 1_000

/** How long what a batch removed is kept for the batch to be counted, in milliseconds. */
const countedWithin = 5_000

/** Which fields answer a verb. */
const verdict = { _id: 0, by: 1 } as const
const deletion = { _id: 0, by: 1, deletedBy: 1 } as const

type Id = Filter<StoredEntry>

export class Documents {
  private readonly collection: Collection<StoredEntry>
  private readonly maxTimeMS: number

  constructor(collection: Collection<StoredEntry>, timeout: number) {
    this.collection = collection
    this.maxTimeMS = Math.ceil(timeout)
  }

  /** What is known of a key. Reads, and changes nothing. */
  find(key: string, signal: AbortSignal): Promise<StoredEntry | null> {
    return this.collection.findOne<StoredEntry>({ _id: key }, this.told({ projection: Statements.known, signal }))
  }

  /** What is known of many keys, each of which is told at most once. */
  findMany(keys: ReadonlyArray<string>, signal: AbortSignal): Promise<Array<StoredEntry>> {
    const options = this.told({ projection: Statements.knownOfMany, batchSize: keys.length + 1, signal })
    return this.collection.find<StoredEntry>({ _id: { $in: [...keys] } }, options).toArray()
  }

  /** Changes a document or makes it, and answers the whole of it. */
  upsert(
    key: string,
    pipeline: Array<Document>,
    projection: Document | undefined,
    signal: AbortSignal
  ): Promise<StoredEntry | null> {
    const options = this.told({
      upsert: true,
      returnDocument: "after" as const,
      signal,
      ...(projection && { projection })
    })
    const attempt = (left: number): Promise<StoredEntry | null> =>
      this.collection.findOneAndUpdate({ _id: key }, pipeline, options).catch((error) => {
        if (left === 0 || signal.aborted || !isLostUpsert(error)) throw error
        return attempt(left - 1)
      })
    return attempt(attempts)
  }

  /** Changes a document that is there, and answers whether the verb with this mark took effect. */
  async change(id: Id, mark: string, pipeline: Array<Document>, signal: AbortSignal): Promise<boolean> {
    const options = this.told({ returnDocument: "after" as const, projection: verdict, signal })
    const after = await this.collection.findOneAndUpdate(id, pipeline, options)
    return after?.by === mark
  }

  /** Forgets a key, and answers whether there was a value. */
  async remove(key: string, mark: string, signal: AbortSignal): Promise<boolean> {
    const options = this.told({ returnDocument: "after" as const, projection: deletion, signal })
    const after = await this.collection.findOneAndUpdate({ _id: key }, Statements.remove(mark), options)
    return after?.deletedBy === mark
  }

  /** Forgets many keys, and answers how many had a value. */
  async removeMany(keys: ReadonlyArray<string>, mark: string, signal: AbortSignal): Promise<number> {
    const these: Id = { _id: { $in: [...keys] } }
    const { matchedCount } = await this.collection.updateMany(
      these,
      Statements.remove(mark, countedWithin),
      this.told({ signal })
    )
    if (matchedCount === 0) return 0
    return await this.collection.countDocuments({ ...these, deletedBy: mark }, this.told({ signal }))
  }

  /** Keys with a value or a lease, in their order, beginning in a range. */
  async list(range: Document, most: number, signal: AbortSignal): Promise<ReadonlyArray<string>> {
    const cursor = this.collection.aggregate<{ _id: string }>(
      Statements.listing(range, most),
      this.told({ batchSize: most + 1, signal })
    )
    return (await cursor.toArray()).map(({ _id }) => _id)
  }

  private told<A extends object>(options: A): A & { readonly maxTimeMS: number } {
    return { ...options, maxTimeMS: this.maxTimeMS }
  }
}
