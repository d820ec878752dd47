import { createServer, type Socket } from "node:net"
import { pathToFileURL } from "node:url"
import postgres from "postgres"
import { DocumentDbCommands, toCommand } from "./DocumentDbCommands.ts"
import { errorReply } from "./DocumentDbError.ts"
import { decodeRequest, encodeReply, MessageReader } from "./MongoWire.ts"

/*
 * `DocumentDbGateway.ts <port> <postgres url>`: speaks MongoDB's wire protocol on 127.0.0.1:<port>, and has the
 * commands carried out by Postgres with the DocumentDB extension. It is a process of its own, like any server, so that
 * tests can kill and pause it, and measurements do not include its time.
 */

const answer = async (socket: Socket, commands: DocumentDbCommands, message: Buffer): Promise<void> => {
  const request = decodeRequest(message)
  const reply = await commands.run(toCommand(request.body, request.documents)).catch(errorReply)
  if (request.expectsReply && socket.writable) socket.write(encodeReply(request, reply))
}

const serve = (socket: Socket, commands: DocumentDbCommands): void => {
  const reader = new MessageReader()
  // One after another, as on a connection to MongoDB.
  let turn: Promise<void> = Promise.resolve()
  socket.on("error", () => {})
  socket.on("data", (chunk) => {
    try {
      for (const message of reader.read(chunk)) {
        turn = turn.then(() => answer(socket, commands, message)).catch((error) => void socket.destroy(error))
      }
    } catch {
      socket.destroy()
    }
  })
}

const run = (port: number, url: string): void => {
  const sql = postgres(url, { max: 64, onnotice: () => {} })
  const commands = new DocumentDbCommands(sql)
  createServer({ noDelay: true }, (socket) => serve(socket, commands)).listen(port, "127.0.0.1")
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) run(Number(process.argv[2]), process.argv[3] ?? "")
