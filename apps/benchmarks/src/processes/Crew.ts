/** Workers of `node:cluster`, whose primary is this process, each with a probe in it. */
import cluster from "node:cluster"
import { fileURLToPath } from "node:url"
import { Child } from "./Child.ts"
import type { CrewOrder } from "./CrewWorker.ts"
import { execArgv, stdio } from "./Fork.ts"

/** The serialization of messages between a primary and its workers: Node's default is JSON. */
export type Serialization = "advanced" | "json"

/** Starts all; if one fails, ends the others. */
export const launch = async (
  order: CrewOrder,
  { serialization, size }: { readonly serialization: Serialization; readonly size: number }
): Promise<ReadonlyArray<Child>> => {
  const exec = fileURLToPath(new URL("./CrewWorker.ts", import.meta.url))
  const args = [JSON.stringify(order)]
  cluster.setupPrimary({ exec, args, execArgv: [...execArgv], stdio: [...stdio], serialization })
  const launches = await Promise.allSettled(Array.from({ length: size }, () => Child.open(cluster.fork().process)))
  const crew = launches.flatMap((launch) => (launch.status === "fulfilled" ? [launch.value] : []))
  const failed = launches.find((launch) => launch.status === "rejected")
  if (failed === undefined) return crew
  await Promise.all(crew.map((child) => child.close()))
  throw failed.reason
}
