import { serialize } from "bson"
import { describe, expect, it } from "vitest"
import { mongoCommands } from "../../src/mongodb/MongoCommands.ts"
import { encodeMsg } from "../../src/mongodb/MongoWire.ts"

const read = (chunks: ReadonlyArray<Buffer>) => {
  const seen: Array<readonly [string, ReadonlyArray<string>]> = []
  const reader = mongoCommands((name, args) => seen.push([name, args]))
  for (const chunk of chunks) reader.read(chunk)
  return seen
}

const find = encodeMsg(1, 0, serialize({ find: "cache", filter: { _id: "k" }, $db: "app" }))
const hello = encodeMsg(2, 0, serialize({ hello: 1, $db: "admin" }))
const modify = encodeMsg(3, 0, serialize({ findAndModify: "cache", update: [{ $set: { bytes: Buffer.alloc(5000) } }] }))
const all = Buffer.concat([find, hello, modify])
const seen = [
  ["FIND", ["cache"]],
  ["HELLO", []],
  ["FINDANDMODIFY", ["cache"]]
]

/** `OP_QUERY`, with which drivers say their first hello. */
const query = () => {
  const body = serialize({ ismaster: 1 })
  const name = Buffer.from("admin.$cmd\0")
  const head = Buffer.alloc(20)
  head.writeInt32LE(20 + name.length + 8 + body.length, 0)
  head.writeInt32LE(2004, 12)
  return Buffer.concat([head, name, Buffer.alloc(8), body])
}

describe("MongoDB's commands", () => {
  it("are read whole", () => {
    expect(read([all])).toEqual(seen)
  })

  it("are read cut anywhere", () => {
    expect(read(Array.from(all, (byte) => Buffer.of(byte)))).toEqual(seen)
    for (let at = 1; at < 200; at++) expect(read([all.subarray(0, at), all.subarray(at)])).toEqual(seen)
  })

  it("are read from the first hello on", () => {
    expect(read([query(), find])).toEqual([["ISMASTER", []], seen[0]])
  })

  it("are found beside documents that come before them", () => {
    const documents = serialize({ _id: 1 })
    const sequence = Buffer.concat([Buffer.alloc(4), Buffer.from("documents\0"), documents])
    sequence.writeInt32LE(sequence.length, 0)
    const body = serialize({ insert: "things" })
    const message = Buffer.concat([find.subarray(0, 20), Buffer.of(1), sequence, Buffer.of(0), body])
    message.writeInt32LE(message.length, 0)
    expect(read([message])).toEqual([["INSERT", ["things"]]])
  })

  it("tells a long name cut short", () => {
    const message = encodeMsg(1, 0, serialize({ find: "x".repeat(1000) }))
    expect(read([message])).toEqual([["FIND", ["x".repeat(128)]]])
  })

  it("leaves another protocol alone", () => {
    const compressed = Buffer.from(find)
    compressed.writeInt32LE(2012, 12)
    expect(read([find, compressed, find])).toEqual([seen[0]])
    expect(read([Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), find])).toEqual([])
    expect(read([Buffer.alloc(64), find])).toEqual([])
  })
})
