/**
 * The common part of the stores on a real server. The server is given or started for the run, and each worker reaches
 * it through a proxy of its own, which counts the commands that the worker's connections send.
 */
import type { Controls, FaultProxyOptions, SentCommand } from "@cache-locking/test-servers"
import type { Address, Attachment, OpenStore, Store } from "./Store.ts"

type Servers = typeof import("@cache-locking/test-servers")

/** A store on a server. */
interface Definition<S extends Controls> extends Omit<Store, "open"> {
  /** The name of the server in an error. */
  readonly product: string
  /** Starts a server for the run. */
  readonly start: (servers: Servers) => Promise<S>
  /** The address of a server, without user and password. */
  readonly where: (url: string) => string
  /** Checks that the server at the URL can be used. `server`: the one that was started for the run, if it was. */
  readonly open: (url: string, servers: Servers, server: S | undefined) => Promise<Opened>
}

interface Opened {
  /** The product and its version. */
  readonly title: string
  readonly attach: OpenStore["attach"]
  /** Removes what the run has left in a server that it did not start. */
  readonly clean?: () => Promise<unknown>
  readonly close?: () => Promise<unknown>
}

export const serverStore = <S extends Controls>(definition: Definition<S>): Store => {
  const { product, start, where } = definition
  return {
    ...definition,
    open: async (given) => {
      const servers = await import("@cache-locking/test-servers")
      const server = given === undefined ? await start(servers) : undefined
      const url = given ?? server!.url
      const opened = await definition.open(url, servers, server).catch(async (error: Error) => {
        await server?.stop()
        throw new Error(`no ${product} answers at ${where(url)}: ${error.message}`, { cause: error })
      })
      return {
        title: `${opened.title} at ${where(url)}${server === undefined ? "" : ", started for this run"}`,
        attach: opened.attach,
        [Symbol.asyncDispose]: async () => {
          if (server === undefined) await opened.clean?.()
          await opened.close?.()
          await server?.stop()
        }
      }
    }
  }
}

/** The host and port that a URL shows to people. */
export const hostAndPort = ({ hostname, port }: URL, defaultPort: number): string =>
  `${hostname || "127.0.0.1"}:${port || defaultPort}`

/** The same for a socket, which takes an IPv6 address without brackets. */
export const targetOf = (url: URL, defaultPort: number): FaultProxyOptions["target"] => ({
  host: url.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1",
  port: Number(url.port || defaultPort),
  url: url.href
})

/** Access through a proxy that counts. `nameOf` names a command, or returns `undefined` for one that does not count. */
export const counted = async (
  options: FaultProxyOptions,
  { name, nameOf = (sent) => sent.name }: Counting = {}
): Promise<Attachment> => {
  const { FaultProxy } = await import("@cache-locking/test-servers")
  const proxy = await FaultProxy.start(options)
  return {
    address: { url: proxy.url(), ...(name === undefined ? {} : { name }) },
    reset: () => proxy.resetCommands(),
    commands: () => proxy.commands().flatMap((sent) => nameOf(sent) ?? []),
    [Symbol.asyncDispose]: () => proxy.stop()
  }
}

interface Counting extends Pick<Address, "name"> {
  readonly nameOf?: (sent: SentCommand) => string | undefined
}

/** Direct access, for connections that no proxy can read. */
export const uncounted = async (address: Address): Promise<Attachment> => ({
  address,
  reset: () => {},
  commands: () => undefined,
  [Symbol.asyncDispose]: async () => {}
})
