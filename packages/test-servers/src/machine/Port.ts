import { createServer } from "node:net"

// Below the range of outgoing connections (32768 and up): no connection takes such a port by accident while its server
// is down between kill and restart.
const first = 20_000
const last = 32_000

const handedOut = new Set<number>()

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once("error", () => resolve(false))
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)))
  })

/**
 * A port of 127.0.0.1 that is free now and was not handed out before by this process. Another process can still take
 * it in between, so a server that fails to bind must be tried again on another one.
 */
export const freePort = async (): Promise<number> => {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = first + Math.floor(Math.random() * (last - first))
    if (handedOut.has(port)) continue
    if (await isFree(port)) {
      handedOut.add(port)
      return port
    }
  }
  throw new Error(`no free port between ${first} and ${last}`)
}

export const releasePort = (port: number): void => {
  handedOut.delete(port)
}
