/**
 * The documents of one collection: every statement that the adapter sends, as a promise of the driver.
 *
 * The driver itself repeats a write once when a connection breaks or a primary steps down (`retryWrites`, its default),
 * and the server then gives its first answer again.
 */
import type { Collection, Document, Filter } from "mongodb"
import { isLostUpsert, isMistyped } from "./Failure.ts"
import * as Statements from "./Statements.ts"
import type { StoredEntry } from "./StoredEntry.ts"

/** The attempts to upsert a document that other clients make and remove at the same time. */
const attempts = 8

/** The keys of one statement. */
export const batch = 1_000

/** Milliseconds for which the documents of a removed batch are kept, so that the batch can be counted. */
const countedWithin = 5_000

/** The fields from which a verb is answered. */
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

  /**
   * Sends a statement, and once more when it met a document that this library did not write: such documents are removed
   * first.
   */
  private overForeign<A>(id: Id["_id"], signal: AbortSignal, send: () => Promise<A>): Promise<A> {
    return send().catch(async (error) => {
      if (!isMistyped(error)) throw error
      await this.discard(id, signal)
      return send()
    })
  }

  /** Removes the documents that this library did not write. */
  async discard(id: Id["_id"], signal: AbortSignal): Promise<void> {
    await this.collection.deleteMany({ _id: id, ...Statements.malformed } as Id, this.told({ signal }))
  }

  /** Reads the document of a key, and changes nothing. */
  find(key: string, signal: AbortSignal): Promise<StoredEntry | null> {
    return this.collection.findOne<StoredEntry>({ _id: key }, this.told({ projection: Statements.known, signal }))
  }

  /** Reads the documents of many keys, each at most once. */
  findMany(keys: ReadonlyArray<string>, signal: AbortSignal): Promise<Array<StoredEntry>> {
    const options = this.told({ projection: Statements.knownOfMany, batchSize: keys.length + 1, signal })
    return this.collection.find<StoredEntry>({ _id: { $in: [...keys] } }, options).toArray()
  }

  /** Changes a document or makes it, and returns all of it. */
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
    return this.overForeign(key, signal, () => attempt(attempts))
  }

  /** Changes a document that exists. Returns true if the verb with this mark took effect. */
  async change(
    id: Id & { readonly _id: string },
    mark: string,
    pipeline: Array<Document>,
    signal: AbortSignal
  ): Promise<boolean> {
    const options = this.told({ returnDocument: "after" as const, projection: verdict, signal })
    const after = await this.overForeign(id._id, signal, () => this.collection.findOneAndUpdate(id, pipeline, options))
    return after?.by === mark
  }

  /** Removes a key's state. Returns true if there was a value. */
  async remove(key: string, mark: string, signal: AbortSignal): Promise<boolean> {
    const options = this.told({ returnDocument: "after" as const, projection: deletion, signal })
    const after = await this.overForeign(key, signal, () =>
      this.collection.findOneAndUpdate({ _id: key }, Statements.remove(mark), options)
    )
    return after?.deletedBy === mark
  }

  /** Removes the state of many keys, and returns the number of those that had a value. */
  async removeMany(keys: ReadonlyArray<string>, mark: string, signal: AbortSignal): Promise<number> {
    const these: Id = { _id: { $in: [...keys] } }
    const { matchedCount } = await this.overForeign(these._id, signal, () =>
      this.collection.updateMany(these, Statements.remove(mark, countedWithin), this.told({ signal }))
    )
    if (matchedCount === 0) return 0
    return await this.collection.countDocuments({ ...these, deletedBy: mark }, this.told({ signal }))
  }

  /** Lists the keys of a range that have a value or a lease, in their order. */
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
