import { catalogue } from "./Catalogue.ts"
import { orUnavailable, Unavailable } from "./machine/Problem.ts"
import type { Controls } from "./machine/Server.ts"

/*
 * `main.ts redis redis-cluster` starts these, prints the environment variables that name them, and runs until Ctrl-C.
 * A server that the environment gives is printed unchanged.
 */

const usage = `usage: main.ts <kind>...\nkinds: ${[...catalogue.keys()].join(" ")} (or all)`

const names = process.argv.slice(2)
const chosen = names.includes("all") ? [...catalogue.values()] : names.flatMap((name) => catalogue.get(name) ?? [])
const unknown = names.filter((name) => name !== "all" && !catalogue.has(name))
if (chosen.length === 0 || unknown.length > 0) {
  console.error(unknown.length === 0 ? usage : `unknown: ${unknown.join(" ")}\n${usage}`)
  process.exit(2)
}

const started: Array<Controls> = []
let stopping = false
const stop = async (code: number): Promise<void> => {
  if (stopping) return
  stopping = true
  await Promise.allSettled(started.map((server) => server.stop()))
  process.exit(code)
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop(0))

try {
  // One after another: the first one may have to install packages that the next one shares.
  for (const { start, variable } of chosen) {
    const server = await orUnavailable(start())
    if (server instanceof Unavailable) {
      console.error(`# ${server.message}`)
      continue
    }
    started.push(server)
    console.log(`export ${variable}='${server.url}' # ${server.kind} ${server.origin.version}, ${server.origin.how}`)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  await stop(1)
}
if (started.length === 0) process.exit(1)
console.error("# running; Ctrl-C ends them")
setInterval(() => {}, 2 ** 30)
