/** A process of its own, from one of our sources. */
import { type ChildProcess, fork } from "node:child_process"

const flags: ReadonlyArray<string> = [
  "--expose-gc",
  // Otherwise V8 may drop megabytes of code while we measure a cache's memory.
  "--no-flush-bytecode"
]

/** Node's arguments for our TypeScript in a process of its own. */
export const execArgv: ReadonlyArray<string> = [...flags, "--conditions=cache-locking-source"]

export const stdio = ["ignore", "ignore", "inherit", "ipc"] as const

const forkWith =
  (execArgv: ReadonlyArray<string>) =>
  (url: URL, args: ReadonlyArray<string>): ChildProcess =>
    fork(url, args, { execArgv: [...execArgv], stdio: [...stdio] })

/** Runs our TypeScript as this process does, but without the flags of a test runner. */
export const forkSource = forkWith(execArgv)

/** The same, with packages of the workspace as they were built. */
export const forkBuilt = forkWith(flags)
