import { type SpawnOptions, spawn } from "node:child_process"
import { root } from "./Root.ts"

/** The end of a program and, if it was asked to be quiet, its output. */
export interface Ended {
  readonly code: number
  readonly output: string
}

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Record<string, string | undefined>
  /** True to collect the output instead of passing it on. */
  readonly quiet?: boolean
}

/**
 * Milliseconds after which a program counts as hanging: more than any takes on a very slow machine, and less than the
 * silence that ends a whole step.
 */
const timeout = 15 * 60_000

/** Runs a program that a step needs to its end, with nothing on its standard input. Never rejects. */
export const run = (program: string, args: ReadonlyArray<string>, options: CommandOptions = {}): Promise<Ended> =>
  new Promise((done) => {
    const spawnOptions: SpawnOptions = {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", options.quiet ? "pipe" : "inherit", options.quiet ? "pipe" : "inherit"],
      timeout,
      killSignal: "SIGKILL"
    }
    const child = spawn(program, args, spawnOptions)
    let output = ""
    const collect = (chunk: Buffer) => {
      output += chunk
    }
    child.stdout?.on("data", collect)
    child.stderr?.on("data", collect)
    child.once("error", (error) => done({ code: 127, output: `${output}${error.message}` }))
    child.once("close", (code, signal) =>
      done({ code: code ?? 1, output: signal === null ? output : `${output}\nended by ${signal}` })
    )
  })
