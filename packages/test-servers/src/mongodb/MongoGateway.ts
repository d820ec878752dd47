import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { serialize } from "bson"
import { firstElement } from "./MongoCommands.ts"
import { decodeRequest, encodeReply, MessageReader } from "./MongoWire.ts"

/** The words in which a server refuses a command. */
export interface MongoRefusal {
  readonly code: number
  readonly codeName: string
  readonly errmsg: string
}

/**
 * In front of a MongoDB, it answers commands in the words of one that is full, or not the primary.
 *
 * A driver sends one command at a time over a connection, so an answer of ours cannot overtake one of the server's.
 */
export class MongoGateway implements AsyncDisposable {
  readonly host = "127.0.0.1"
  readonly port: number
  private readonly server: Server
  private readonly sockets: Set<Socket>

  private constructor(server: Server, sockets: Set<Socket>) {
    this.server = server
    this.sockets = sockets
    this.port = (server.address() as AddressInfo).port
  }

  /** @param judge is asked for each command, by its name in lower case: it passes, or is refused in these words */
  static async start(
    target: { readonly host: string; readonly port: number },
    judge: (command: string) => "pass" | MongoRefusal
  ): Promise<MongoGateway> {
    const sockets = new Set<Socket>()
    const server = createServer({ noDelay: true }, (client) => {
      const behind = connect({ host: target.host, port: target.port, noDelay: true })
      const reader = new MessageReader()
      for (const socket of [client, behind]) {
        sockets.add(socket)
        const end = () => {
          sockets.delete(socket)
          client.destroy()
          behind.destroy()
        }
        socket.on("error", end)
        socket.on("close", end)
      }
      behind.pipe(client)
      client.on("data", (chunk) => {
        for (const message of reader.read(chunk)) {
          const request = decodeRequest(message)
          const verdict = judge(firstElement(request.body)[0].toLowerCase())
          if (verdict === "pass") behind.write(message)
          else if (request.expectsReply) client.write(encodeReply(request, serialize({ ok: 0, ...verdict })))
        }
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return new MongoGateway(server, sockets)
  }

  async stop(): Promise<void> {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
