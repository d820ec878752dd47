/** A store that the processes share: the coordinator opens it, and each worker connects to it. */
import type { ChildProcess } from "node:child_process"
import type { Adapter } from "@cache-locking/core"
import type { Controls, FaultProxyOptions } from "@cache-locking/test-servers"
import type { ServerFault } from "../Schedule.ts"

export interface Backend {
  readonly name: string
  /** Calls per second that a small machine carries, with the origin, the proxies and the workers on it too. */
  readonly pace: number
  /** The durations of leases to choose from, in milliseconds. */
  readonly leases: ReadonlyArray<number>
  readonly commandTimeout: number
  /** In the coordinator. Rejects with `Unavailable` where there is no server to be had. */
  readonly open: (args?: ReadonlyArray<string>) => Promise<Opened>
  /** In a worker. It does not wait for the server, which may be away. */
  readonly connect: (url: string, options: ConnectOptions) => Promise<Connection>
}

export interface ConnectOptions {
  readonly prefix: string
  /** Milliseconds; by default the adapter's own. */
  readonly commandTimeout?: number
  /**
   * The client's own options. `"hasty"`: it connects again sooner than by its own choice, so that the traces of a fault are
   * short. `"documented"`: those of `docs/production.md`, and nothing else.
   */
  readonly client: "hasty" | "documented"
}

/** The option of an adapter, if it is given. */
export const bound = ({ commandTimeout }: ConnectOptions): { readonly commandTimeout?: number } =>
  commandTimeout === undefined ? {} : { commandTimeout }

export interface Opened {
  /** The product and its version. */
  readonly title: string
  /** The address, which each worker reaches through a proxy of its own; `undefined`: the coordinator itself, over IPC. */
  readonly target: FaultProxyOptions["target"] | undefined
  readonly faults: ReadonlyArray<ServerFault>
  readonly pause: (millis: number) => Promise<void>
  /** Ends it at once; `restart` brings it back. */
  readonly kill: () => Promise<void>
  /** Starts it again at the same address, empty and ready for the adapters. */
  readonly restart: () => Promise<void>
  /** Starts a worker; by default a child process. */
  readonly fork?: (file: string, env: NodeJS.ProcessEnv) => ChildProcess
  readonly close: () => Promise<void>
}

export interface Connection {
  readonly adapter: Adapter
  /** Closes what the adapter itself does not. */
  readonly close: () => Promise<unknown>
  /** The requests that wait in the client now, for a connection or for an answer; absent where it does not tell. */
  readonly queued?: () => number
}

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

interface Prepared {
  readonly url?: string
  /** Makes the table or bucket that the adapter needs, in an empty server. */
  readonly prepare?: (url: string) => Promise<unknown>
}

/** A server of the round's own behind proxies. */
export const openServer = async (
  product: string,
  starting: Promise<Controls>,
  { prepare = async () => {}, url: given }: Prepared = {}
): Promise<Opened> => {
  const server = await starting
  const url = given ?? server.url
  try {
    await prepare(url)
  } catch (error) {
    await server.stop()
    throw error
  }
  const { hostname, port } = new URL(url)
  return {
    title: `${product} ${server.origin.version}`,
    target: { host: hostname, port: Number(port), url },
    faults: ["server-pause", "server-restart"],
    pause: async (millis) => {
      await server.pause()
      await sleep(millis)
      await server.resume()
    },
    kill: () => server.kill(),
    restart: async () => {
      await server.restart()
      await prepare(url)
    },
    close: () => server.stop()
  }
}
