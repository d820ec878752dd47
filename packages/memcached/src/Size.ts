/**
 * Sizes: Memcached's limit is for the whole item, and a record holds more than a value.
 */
import { type Entry, EntryRecord } from "@cache-locking/core"

/** The server's default (`-I`). */
export const itemSizeDefault = 1024 * 1024

/** The smallest setting that leaves room for values. */
export const itemSizeMin = 4096

/** The bytes that Memcached adds: the item's header, the version, the end of the name and of the value. */
const itemOverhead = 48 + 8 + 1 + 2

/**
 * The room in an item beside the value: 59 bytes of Memcached, a name of up to 250, the record's own numbers, and the
 * lease of a refresh with its owner, whose name may have some 600 bytes.
 */
const reserved = 1024

/** The largest value for the largest item. */
export const valueBytesOf = (itemSize: number): number => itemSize - reserved

/** The largest record under a name, for the largest item. */
const recordBytesOf = (itemSize: number, name: string): number => itemSize - itemOverhead - name.length

/**
 * The record of an entry, or nothing if the server would not take it. If a stale value and the cause of a failure do
 * not both fit, the cause is dropped: followers then see a cooldown without a cause.
 */
export const recordOf = (entry: Entry.Entry, name: string, itemSize: number): Uint8Array | undefined => {
  const most = recordBytesOf(itemSize, name)
  const record = EntryRecord.encode(entry)
  if (record.byteLength <= most) return record
  if (entry.cooldown?.cause === undefined || entry.kept === undefined) return undefined
  return recordOf({ ...entry, cooldown: { ...entry.cooldown, cause: undefined } }, name, itemSize)
}
