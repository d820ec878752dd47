/*
 * The part of MongoDB's wire protocol that a gateway needs: OP_MSG, and the OP_QUERY of a driver's first hello. A
 * message is a header of four integers (length, id, id answered to, opcode) and a body.
 */

const headerBytes = 16
const opReply = 1
const opQuery = 2004
const opMsg = 2013
const checksumPresent = 1
const moreToCome = 2

export interface Request {
  readonly id: number
  /** An OP_QUERY, which wants an OP_REPLY. */
  readonly legacy: boolean
  readonly expectsReply: boolean
  /** The command, as BSON. */
  readonly body: Buffer
  /** The documents that came beside the command, one after another, as BSON. */
  readonly documents: Buffer | undefined
}

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  private pending: Buffer = Buffer.alloc(0)

  read(chunk: Buffer): ReadonlyArray<Buffer> {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk])
    const messages: Array<Buffer> = []
    while (this.pending.length >= headerBytes) {
      const length = this.pending.readInt32LE(0)
      if (length < headerBytes) throw new Error(`a message of ${length} bytes`)
      if (this.pending.length < length) break
      messages.push(this.pending.subarray(0, length))
      this.pending = this.pending.subarray(length)
    }
    return messages
  }
}

/** `OP_QUERY`: flags, a name that ends with a zero, two numbers, the command. */
const decodeQuery = (id: number, message: Buffer): Request => {
  const nameEnd = message.indexOf(0, headerBytes + 4)
  return { id, legacy: true, expectsReply: true, body: message.subarray(nameEnd + 9), documents: undefined }
}

/** `OP_MSG`: flags, then sections; kind 0 is the command, kind 1 a named sequence of documents. */
const decodeMsg = (id: number, message: Buffer): Request => {
  const flags = message.readUInt32LE(headerBytes)
  const end = message.length - ((flags & checksumPresent) === 0 ? 0 : 4)
  let body: Buffer | undefined
  let documents: Buffer | undefined
  let at = headerBytes + 4
  while (at < end) {
    const kind = message[at]
    const start = at + 1
    const next = start + message.readInt32LE(start)
    if (kind === 0) body = message.subarray(start, next)
    else documents = message.subarray(message.indexOf(0, start + 4) + 1, next)
    at = next
  }
  if (body === undefined) throw new Error("a message without a command")
  return { id, legacy: false, expectsReply: (flags & moreToCome) === 0, body, documents }
}

export const decodeRequest = (message: Buffer): Request => {
  const id = message.readInt32LE(4)
  const opcode = message.readInt32LE(12)
  if (opcode === opQuery) return decodeQuery(id, message)
  if (opcode === opMsg) return decodeMsg(id, message)
  throw new Error(`opcode ${opcode} is not supported`)
}

/** An `OP_MSG` that carries one document. */
export const encodeMsg = (id: number, answeredTo: number, document: Uint8Array): Buffer => {
  const header = Buffer.alloc(headerBytes + 5)
  header.writeInt32LE(header.length + document.length, 0)
  header.writeInt32LE(id, 4)
  header.writeInt32LE(answeredTo, 8)
  header.writeInt32LE(opMsg, 12)
  return Buffer.concat([header, document])
}

export const encodeReply = (request: Request, document: Uint8Array): Buffer => {
  if (!request.legacy) return encodeMsg(0, request.id, document)
  // OP_REPLY: flags (8: this server can wait), a cursor, where it starts, and the number of documents.
  const header = Buffer.alloc(headerBytes + 20)
  header.writeInt32LE(header.length + document.length, 0)
  header.writeInt32LE(request.id, 8)
  header.writeInt32LE(opReply, 12)
  header.writeInt32LE(8, 16)
  header.writeInt32LE(1, 32)
  return Buffer.concat([header, document])
}
