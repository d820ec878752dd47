import { type AddressInfo, createServer } from "node:net"
import { serialize } from "bson"
import { expect, it, onTestFinished } from "vitest"
import { MongoGateway } from "../../src/index.ts"
import { askMongo } from "../../src/mongodb/MongoProbe.ts"
import { decodeRequest, encodeReply, MessageReader } from "../../src/mongodb/MongoWire.ts"

/** A server that says yes to everything. */
const served = async (): Promise<number> => {
  const server = createServer((socket) => {
    const reader = new MessageReader()
    socket.on("data", (chunk) => {
      for (const message of reader.read(chunk)) {
        socket.write(encodeReply(decodeRequest(message), serialize({ ok: 1, said: "yes" })))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

it("passes a command on, or refuses it in the words that it is given", async () => {
  const refusal = { code: 10_107, codeName: "NotWritablePrimary", errmsg: "not primary" }
  const judge = (command: string) => (command === "findandmodify" ? refusal : "pass")
  const gateway = await MongoGateway.start({ host: "127.0.0.1", port: await served() }, judge)
  onTestFinished(() => gateway.stop())
  const url = `mongodb://127.0.0.1:${gateway.port}`
  expect(await askMongo(url, { find: "cache" })).toMatchObject({ said: "yes" })
  await expect(askMongo(url, { findAndModify: "cache" })).rejects.toThrow("not primary")
})
