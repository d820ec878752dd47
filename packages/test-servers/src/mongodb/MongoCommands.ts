import type { Reader } from "../proxy/CommandLog.ts"
import { decodeRequest, MessageReader } from "./MongoWire.ts"

const elementsAt = 4
const typeString = 2
const keptBytes = 128

/** The name of a command and its subject: the first element of its document. */
export const firstElement = (body: Buffer): readonly [name: string, about: string | undefined] => {
  const nameEnd = body.indexOf(0, elementsAt + 1)
  const name = body.toString("utf8", elementsAt + 1, nameEnd)
  if (body[elementsAt] !== typeString) return [name, undefined]
  const start = nameEnd + 5
  const length = body.readInt32LE(nameEnd + 1) - 1
  return [name, body.toString("utf8", start, start + Math.min(length, keptBytes))]
}

/**
 * Reads the commands of one connection from the bytes that a client sends, in pieces cut anywhere: MongoDB's messages,
 * not compressed. At any other bytes it stops reading.
 */
class MongoCommandReader {
  private messages: MessageReader | undefined = new MessageReader()
  private readonly onCommand: Parameters<Reader>[0]

  constructor(onCommand: Parameters<Reader>[0]) {
    this.onCommand = onCommand
  }

  read(chunk: Buffer): void {
    if (this.messages === undefined) return
    try {
      for (const message of this.messages.read(chunk)) {
        const [name, about] = firstElement(decodeRequest(message).body)
        this.onCommand(name.toUpperCase(), about === undefined ? [] : [about])
      }
    } catch {
      this.messages = undefined
    }
  }
}

/**
 * Commands of MongoDB, for a `FaultProxy`: each by its name in upper case (`FIND`, `FINDANDMODIFY`, `HELLO`), with its
 * collection. Drivers also send `HELLO` by themselves, over connections of their own.
 */
export const mongoCommands: Reader = (onCommand) => new MongoCommandReader(onCommand)
