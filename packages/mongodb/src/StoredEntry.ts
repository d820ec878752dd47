/**
 * A document of the collection, as `core`'s `Entry`.
 */
import { type Adapter, type AdapterLimits, type Entry, Token, type Value } from "@cache-locking/core"

/** A document, or the fields of it that were requested. Instants are epoch milliseconds; durations may be `Infinity`. */
export interface StoredEntry {
  readonly _id?: string
  readonly kept?: {
    readonly bytes: Uint8Array
    readonly filledAt: number
    readonly took: number
    readonly freshUntil: number
    readonly stale: number
  }
  readonly lease?: {
    readonly owner: string
    readonly token: string
    readonly since: number
    readonly until: number
  }
  readonly cooldown?: { readonly until: number; readonly cause?: Uint8Array }
  /** The mark of the last verb that took effect, and its instant. */
  readonly by?: string
  readonly at?: number
  /** The mark of the last delete that removed a value. */
  readonly deletedBy?: string
  /** The instant after which MongoDB itself may collect the document. */
  readonly expiresAt?: Date
  /** The statement's instant, in answers. */
  readonly now?: Date
  /** A value whose lease is in another store. */
  readonly version?: Uint8Array
}

/** The largest document of MongoDB. */
const documentBytes = 16 * 1024 * 1024

/** The room beside a value in a document: for the key, the lease, a failure's cause, and the statement that carries it. */
const besides = 64 * 1024

/**
 * Keys are bounded because index entries live in the memory of every node, and up to MongoDB 4.0 none was longer than this.
 */
export const limits: AdapterLimits = { keyBytes: 1024, valueBytes: documentBytes - besides, tick: 1, clock: "store" }

/** The adapter's name and limits. */
export const here: Pick<Adapter, "name" | "limits"> = { name: "mongodb", limits }

/** The bytes without the class that the driver gives them. */
export const valueOf = (bytes: Uint8Array): Value => ({
  bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
})

const isNumber = (value: unknown): boolean => typeof value === "number" && !Number.isNaN(value)
const isText = (value: unknown): boolean => typeof value === "string"
const isBinary = (value: unknown): boolean => value instanceof Uint8Array

/** True when fields that are there have the types that this library gives them. */
export const isWellFormed = ({ cooldown, kept, lease }: StoredEntry): boolean =>
  (kept === undefined ||
    (isBinary(kept?.bytes) &&
      isNumber(kept.filledAt) &&
      isNumber(kept.took) &&
      isNumber(kept.freshUntil) &&
      isNumber(kept.stale))) &&
  (lease === undefined ||
    (isText(lease?.owner) && isText(lease.token) && isNumber(lease.since) && isNumber(lease.until))) &&
  (cooldown === undefined || (isNumber(cooldown?.until) && (cooldown.cause === undefined || isBinary(cooldown.cause))))

const empty: Entry.Entry = { kept: undefined, lease: undefined, cooldown: undefined }

/** The entry in a document; an empty one in a document that this library did not write. */
export const entryOf = (document: StoredEntry): Entry.Entry => (isWellFormed(document) ? parts(document) : empty)

const parts = ({ cooldown, kept, lease }: StoredEntry): Entry.Entry => ({
  kept: kept && {
    value: valueOf(kept.bytes),
    filledAt: kept.filledAt,
    took: kept.took,
    lifetime: { fresh: kept.freshUntil - kept.filledAt, stale: kept.stale }
  },
  lease: lease && { owner: lease.owner, token: Token(lease.token), since: lease.since, until: lease.until },
  cooldown: cooldown && { until: cooldown.until, cause: cooldown.cause && valueOf(cooldown.cause) }
})
