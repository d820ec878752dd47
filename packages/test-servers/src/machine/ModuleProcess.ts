import { type ChildProcess, spawn } from "node:child_process"

export interface ModuleProcess {
  readonly child: ChildProcess
  /** Its output so far, errors included. */
  readonly output: () => string
  /** Its exit code. */
  readonly ended: Promise<number | null>
}

/** Runs a module in a process of its own, with the export conditions of this one. */
export const runModule = (
  file: string,
  args: ReadonlyArray<string> = [],
  env: Readonly<Record<string, string>> = {}
): ModuleProcess => {
  const child = spawn(process.execPath, [...process.execArgv, file, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      printed += chunk
    })
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
  return { child, output: () => printed, ended }
}
