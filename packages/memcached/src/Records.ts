/**
 * Reads and writes the records of keys. A record is one item with value, lease and cooldown, and is overwritten only if
 * it is still the version that was read.
 */
import { type AdapterError, type Entry, EntryRecord, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Calls } from "./Calls.ts"
import type { Connection, Reply } from "./Connection.ts"
import { failures, refused } from "./Failure.ts"
import * as Requests from "./Requests.ts"
import { recordOf } from "./Size.ts"

/**
 * The version that a write must find. It is valid only for the connection over which it was read: a restarted server
 * counts from 1 again, and has lost all connections.
 */
export interface Version {
  readonly cas: Requests.Cas
  readonly connection: Connection
}

/** The record that is there. */
export interface Found {
  /** Absent also when another program stored something under the name. */
  readonly entry: Entry.Entry | undefined
  /** Absent when there is no item. */
  readonly version: Version | undefined
}

/** The result of a write: the version that it wrote (nothing after a removal), or `false` when the version had changed. */
export type Written = Version | undefined | false

const { status } = Requests

/** A view of a small value would keep the whole piece of replies alive. */
const worthACopy = 8

/** The bytes of a reply, copied if they are a small part of the received piece. */
export const bytesOf = ({ val }: Reply): Uint8Array => {
  const bytes = new Uint8Array(val.buffer, val.byteOffset, val.byteLength)
  return val.buffer.byteLength > worthACopy * val.byteLength ? bytes.slice() : bytes
}

const nothing: Found = { entry: undefined, version: undefined }

export class Records {
  private readonly calls: Calls
  private readonly itemSize: number

  constructor(calls: Calls, itemSize: number) {
    this.calls = calls
    this.itemSize = itemSize
  }

  /** Reads the record, and goes on with it. */
  read<A>(
    operation: Operation,
    key: string,
    name: string,
    andThen: (found: Found) => Effect.Effect<A, AdapterError>
  ): Effect.Effect<A, AdapterError> {
    return this.calls.exchange(
      operation,
      key,
      name,
      () => Requests.get(name),
      (reply, connection) => {
        const code = reply.header.status
        if (code === status.notFound) return andThen(nothing)
        if (code !== status.ok) return Effect.fail(refused(operation, key, code))
        const cas = reply.header.cas.readBigUInt64BE()
        if (cas === Requests.anyCas) return Effect.fail(failures.rejected(operation, key, withoutCas))
        return andThen({ entry: EntryRecord.decode(bytesOf(reply)), version: { cas, connection } })
      }
    )
  }

  /**
   * Writes the record, or removes it when there is no entry, if it still is the version given, or if there still is none.
   *
   * @param ttl milliseconds after which nothing of the entry matters
   */
  writeIf(
    operation: Operation,
    key: string,
    name: string,
    version: Version | undefined,
    entry: Entry.Entry | undefined,
    ttl: number
  ): Effect.Effect<Written, AdapterError> {
    if (entry === undefined)
      return version === undefined ? Effect.succeed<Written>(undefined) : this.remove(operation, key, name, version)
    const bytes = recordOf(entry, name, this.itemSize)
    if (bytes === undefined) return Effect.fail(failures.rejected(operation, key, tooLarge))
    const expiry = Requests.expiryOf(ttl, Date.now())
    const request = () =>
      version === undefined ? Requests.add(name, bytes, expiry) : Requests.replace(name, version.cas, bytes, expiry)
    return this.calls.exchange(operation, key, name, request, written(operation, key, true), onlyOver(version))
  }

  /** Writes the record, over any other. */
  write(
    operation: Operation,
    key: string,
    name: string,
    entry: Entry.Entry,
    ttl: number
  ): Effect.Effect<Written, AdapterError> {
    const bytes = recordOf(entry, name, this.itemSize)
    if (bytes === undefined) return Effect.fail(failures.rejected(operation, key, tooLarge))
    const expiry = Requests.expiryOf(ttl, Date.now())
    return this.calls.exchange(
      operation,
      key,
      name,
      () => Requests.set(name, bytes, expiry),
      written(operation, key, true)
    )
  }

  /** Removes the record: only the version given, or any if none is given. */
  remove(operation: Operation, key: string, name: string, version?: Version): Effect.Effect<Written, AdapterError> {
    const request = () => Requests.remove(name, version?.cas ?? Requests.anyCas)
    return this.calls.exchange(operation, key, name, request, written(operation, key, false), onlyOver(version))
  }
}

/** The connection of a version, because over another connection it would be another version. */
const onlyOver = (
  version: Version | undefined
): { readonly connection: Connection; readonly over: Written } | undefined =>
  version && { connection: version.connection, over: false }

const tooLarge = "the record would be larger than an item may be"

const withoutCas = "the server keeps no versions (its option -C), and nothing is safe without them"

const written =
  (operation: Operation, key: string, stays: boolean) =>
  (reply: Reply, connection: Connection): Effect.Effect<Written, AdapterError> => {
    const code = reply.header.status
    if (code === status.ok) {
      if (!stays) return Effect.succeed<Written>(undefined)
      const cas = reply.header.cas.readBigUInt64BE()
      // The next write would name no version, and overwrite any record.
      if (cas === Requests.anyCas) return Effect.fail(failures.rejected(operation, key, withoutCas))
      return Effect.succeed<Written>({ cas, connection })
    }
    if (code === status.notFound || code === status.exists || code === status.notStored) {
      return Effect.succeed<Written>(false)
    }
    return Effect.fail(refused(operation, key, code))
  }
