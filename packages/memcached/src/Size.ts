/**
 * How large things may be: Memcached's limit is for the whole item, and a record holds more than a value.
 */
import { type Entry, EntryRecord } from "@cache-locking/core"

/** The server's default (`-I`). */
export const itemSizeDefault = 1024 * 1024

/** The least that leaves room for values. */
export const itemSizeMin = 4096

/** What Memcached adds: the item's header, the version, the end of the name and of the value. */
const itemOverhead = 48 + 8 + 1 + 2

/**
 * Room for all of an item that is not a value: 59 bytes of Memcached, a name of up to 250, the record's own numbers, and
 * the lease of a refresh with its owner, whose name may have some 600 bytes.
 */
const reserved = 1024

/** The largest value for the largest item. */
export const valueBytesOf = (itemSize: number): number => itemSize - reserved

/** The largest record under a name, for the largest item. */
const recordBytesOf = (itemSize: number, name: string): number => itemSize - itemOverhead - name.length

/**
 * The record of an entry, or nothing when the server would not take it. Where a stale value and the cause of a failure
 * do not both fit, the cause goes: who waits is told of a cooldown without one.
 */
export const recordOf = (entry: Entry.Entry, name: string, itemSize: number): Uint8Array | undefined => {
  const most = recordBytesOf(itemSize, name)
  const record = EntryRecord.encode(entry)
  if (record.byteLength <= most) return record
  if (entry.cooldown?.cause === undefined || entry.kept === undefined) return undefined
  return recordOf({ ...entry, cooldown: { ...entry.cooldown, cause: undefined } }, name, itemSize)
}
