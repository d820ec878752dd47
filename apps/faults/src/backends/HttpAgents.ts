/** The agent of an SDK's client, which tells how many requests wait in it. */
import { Agent } from "node:http"

const sum = (lists: NodeJS.ReadOnlyDict<ReadonlyArray<unknown>>): number =>
  Object.values(lists).reduce((total, list) => total + (list?.length ?? 0), 0)

/** With the SDK's own settings. `queued` counts what waits for a connection, and what was sent and is not answered. */
export const countingAgent = () => {
  const httpAgent = new Agent({ keepAlive: true, maxSockets: 50 })
  return { httpAgent, queued: (): number => sum(httpAgent.requests) + sum(httpAgent.sockets) }
}
