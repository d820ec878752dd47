/**
 * Requests of Memcached's binary protocol. memjs has no API for the ones that name the version they overwrite.
 *
 * A request is 24 bytes of header, the extras, the name and the value. Bytes 16 to 23 of the header are the version
 * (`CAS`) that a write must find; 0 stands for any.
 */

/** The version of a record, which every write changes. The server never uses 0. */
export type Cas = bigint

/** The version of a write that overwrites any record. */
export const anyCas: Cas = 0n

const headerBytes = 24
const magic = 0x80
const opcode = { get: 0x00, set: 0x01, add: 0x02, replace: 0x03, delete: 0x04 } as const
const at = { magic: 0, opcode: 1, nameLength: 2, extrasLength: 4, bodyLength: 8, opaque: 12, cas: 16 } as const

/** Status words of replies. */
export const status = {
  ok: 0x00,
  notFound: 0x01,
  exists: 0x02,
  tooLarge: 0x03,
  invalid: 0x04,
  notStored: 0x05,
  authentication: 0x20,
  unknown: 0x81,
  outOfMemory: 0x82,
  busy: 0x85,
  temporary: 0x86
} as const

const nothing = new Uint8Array()

const request = (code: number, name: string, cas: Cas, expiry?: number, value: Uint8Array = nothing): Buffer => {
  // Flags and expiry.
  const extrasLength = expiry === undefined ? 0 : 8
  // Names are ASCII: a byte per character.
  const size = headerBytes + extrasLength + name.length + value.byteLength
  const bytes = Buffer.allocUnsafe(size)
  bytes.fill(0, 0, headerBytes + extrasLength)
  bytes[at.magic] = magic
  bytes[at.opcode] = code
  bytes.writeUInt16BE(name.length, at.nameLength)
  bytes[at.extrasLength] = extrasLength
  bytes.writeUInt32BE(size - headerBytes, at.bodyLength)
  if (cas !== anyCas) bytes.writeBigUInt64BE(cas, at.cas)
  if (expiry !== undefined) bytes.writeUInt32BE(expiry, headerBytes + 4)
  bytes.write(name, headerBytes + extrasLength, "latin1")
  bytes.set(value, headerBytes + extrasLength + name.length)
  return bytes
}

/** Numbers a request, so that its reply is recognised. */
export const number = (bytes: Buffer, opaque: number): void => {
  bytes.writeUInt32BE(opaque, at.opaque)
}

export const get = (name: string): Buffer => request(opcode.get, name, anyCas)

/** Writes over any record. */
export const set = (name: string, value: Uint8Array, expiry: number): Buffer =>
  request(opcode.set, name, anyCas, expiry, value)

/** Writes only if there is no record. */
export const add = (name: string, value: Uint8Array, expiry: number): Buffer =>
  request(opcode.add, name, anyCas, expiry, value)

/**
 * Writes only over the version given. It is a REPLACE and no SET, because a SET that fails for lack of memory removes
 * the old record.
 */
export const replace = (name: string, cas: Cas, value: Uint8Array, expiry: number): Buffer =>
  request(opcode.replace, name, cas, expiry, value)

export const remove = (name: string, cas: Cas): Buffer => request(opcode.delete, name, cas)

/** Memcached reads a larger number as an instant. */
const longestSpan = 30 * 24 * 60 * 60

/** The last instant that the field can hold, in the year 2106. */
const lastInstant = 0xffff_ffff

/**
 * The expiry of a record that matters for `ttl` milliseconds. It is never early: the server's clock steps by seconds,
 * so it is up to two seconds late. 0 stands for never.
 *
 * @param wall epoch milliseconds, for times so long that only an instant can express them
 */
export const expiryOf = (ttl: number, wall: number): number => {
  const seconds = Math.ceil(Math.max(0, ttl) / 1000) + 1
  if (seconds <= longestSpan) return seconds
  const instant = Math.ceil(wall / 1000) + seconds
  return instant <= lastInstant ? instant : 0
}
