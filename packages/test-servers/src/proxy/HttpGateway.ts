import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request, type Server } from "node:http"
import type { AddressInfo } from "node:net"

/** An answer in the place of the service's own. */
export interface HttpAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

export interface HttpGatewayOptions {
  /** Headers that do not reach the service. */
  readonly strips?: ReadonlyArray<string>
  /** Headers that do not reach the client. */
  readonly hides?: ReadonlyArray<string>
  /** The fate of a request: it is sent on, or answered here. */
  readonly judge?: (request: IncomingMessage) => "pass" | HttpAnswer
  /** Changes the headers of an answer. */
  readonly changes?: (headers: Record<string, unknown>, request: IncomingMessage) => Record<string, unknown>
  /** True when the request is carried out and its answer is lost. */
  readonly loses?: (request: IncomingMessage) => boolean
  /** Runs before the client notices that its answer is lost. */
  readonly meanwhile?: () => Promise<unknown>
}

/**
 * An HTTP server in front of a service that gives it other words: those of one that is busy, full, forbidden, or of
 * another make.
 */
export class HttpGateway implements AsyncDisposable {
  readonly host = "127.0.0.1"
  readonly port: number
  private readonly server: Server

  private constructor(server: Server) {
    this.server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** @param url the service */
  static async start(url: string, options: HttpGatewayOptions = {}): Promise<HttpGateway> {
    const { changes = (headers) => headers, hides = [], judge = () => "pass", strips = [] } = options
    const { loses = () => false, meanwhile = async () => {} } = options
    const { hostname: host, port } = new URL(url)
    const server = createServer((incoming, outgoing) => {
      const answer = judge(incoming)
      if (answer !== "pass") {
        incoming.resume()
        outgoing.writeHead(answer.status, { "content-type": answer.type })
        outgoing.end(answer.body)
        return
      }
      const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !strips.includes(name)))
      const lost = loses(incoming)
      const onwards = request({ host, port, method: incoming.method, path: incoming.url, headers }, (answer) => {
        if (lost) {
          answer.resume().on("end", () => meanwhile().finally(() => outgoing.destroy()))
          return
        }
        const told = Object.entries(answer.headers).filter(([name]) => !hides.includes(name))
        outgoing.sendDate = !hides.includes("date")
        outgoing.writeHead(answer.statusCode ?? 500, changes(Object.fromEntries(told), incoming) as OutgoingHttpHeaders)
        answer.on("error", () => outgoing.destroy())
        answer.pipe(outgoing)
      })
      onwards.on("error", () => outgoing.destroy())
      incoming.pipe(onwards)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return new HttpGateway(server)
  }

  get url(): string {
    return `http://${this.host}:${this.port}`
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    this.server.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
