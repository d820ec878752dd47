import { connect } from "node:net"
import { type Document, deserialize, serialize } from "bson"
import { encodeMsg, MessageReader } from "./MongoWire.ts"

/** Host and port of the first server that a MongoDB URL names, if it names one. */
export const firstHost = (url: string): { readonly host: string; readonly port: number } | undefined => {
  const match = /^mongodb:\/\/(?:[^@/]*@)?([^,/:?]+)(?::(\d+))?/.exec(url)
  return match?.[1] === undefined ? undefined : { host: match[1], port: Number(match[2] ?? 27_017) }
}

/** One command to the first server of the URL, over a connection of its own. */
export const askMongo = (url: string, command: Document): Promise<Document> =>
  new Promise((resolve, reject) => {
    const address = firstHost(url)
    if (address === undefined) throw new Error("the URL names no host")
    const reader = new MessageReader()
    const socket = connect(address)
    socket.setTimeout(5000, () => socket.destroy(new Error("no answer")))
    socket.on("connect", () => socket.write(encodeMsg(1, 0, serialize({ ...command, $db: "admin" }))))
    socket.on("error", reject)
    socket.on("close", () => reject(new Error("the connection was closed")))
    socket.on("data", (chunk) => {
      const [message] = reader.read(chunk)
      if (message === undefined) return
      // Header, flags, and the kind of the only section.
      const reply = deserialize(message.subarray(21))
      if (reply["ok"] === 1) resolve(reply)
      else reject(new Error(String(reply["errmsg"])))
      socket.destroy()
    })
  })
