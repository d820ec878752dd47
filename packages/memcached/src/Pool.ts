/**
 * The connections to one client's servers. Each server has one, opened when first needed and again after it was lost,
 * and shared by all adapters over the client.
 */
import { Connection, type MemjsServer } from "./Connection.ts"
import type { Route } from "./Routing.ts"

export class Pool {
  private readonly servers: ReadonlyArray<MemjsServer>
  private readonly route: Route
  private readonly connections: Array<Connection | undefined>

  constructor(servers: ReadonlyArray<MemjsServer>, route: Route) {
    this.servers = servers
    this.route = route
    this.connections = servers.map(() => undefined)
  }

  /** The connection to the server that keeps the name. */
  connection(name: string): Connection {
    const index = this.route(name)
    const standing = this.connections[index]
    if (standing !== undefined && !standing.over) return standing
    const server = this.servers[index]
    if (server === undefined)
      throw new RangeError(`the client's getServer answered no index of its ${this.servers.length} servers`)
    const opened = new Connection(server, this.forget)
    this.connections[index] = opened
    return opened
  }

  /** Closes every connection once its calls have been answered. The next call opens another. */
  close(): void {
    for (const [index, connection] of this.connections.entries()) {
      this.connections[index] = undefined
      connection?.finish()
    }
  }

  private readonly forget = (connection: Connection): void => {
    const index = this.connections.indexOf(connection)
    if (index >= 0) this.connections[index] = undefined
  }
}
