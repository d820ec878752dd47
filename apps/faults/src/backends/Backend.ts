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
  readonly open: () => Promise<Opened>
  /** In a worker. It does not wait for the server, which may be away. */
  readonly connect: (url: string, prefix: string, commandTimeout: number) => Promise<Connection>
}

export interface Opened {
  /** The product and its version. */
  readonly title: string
  /** The address, which each worker reaches through a proxy of its own; `undefined`: the coordinator itself, over IPC. */
  readonly target: FaultProxyOptions["target"] | undefined
  readonly faults: ReadonlyArray<ServerFault>
  readonly pause: (millis: number) => Promise<void>
  /** Kills it, and starts it again after a while, empty and ready for the adapters. */
  readonly restart: (after: number) => Promise<void>
  /** Starts a worker; by default a child process. */
  readonly fork?: (file: string, env: NodeJS.ProcessEnv) => ChildProcess
  readonly close: () => Promise<void>
}

export interface Connection {
  readonly adapter: Adapter
  /** Closes what the adapter itself does not. */
  readonly close: () => Promise<unknown>
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
    restart: async (after) => {
      await server.kill()
      await sleep(after)
      await server.restart()
      await prepare(url)
    },
    close: () => server.stop()
  }
}
