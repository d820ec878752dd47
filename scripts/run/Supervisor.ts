import { spawn } from "node:child_process"
import { stripVTControlCharacters } from "node:util"
import { root } from "./Root.ts"

/**
 * Limits end a hang and never judge a slow machine: at thirty times the usual load everything still passes, only later.
 */
export interface Limits {
  /** Milliseconds without a sign of life after which a program counts as hanging. */
  readonly silence: number
  /**
   * The moment at which the whole run must be over, by `performance.now()`, because CI would then end it without a
   * report.
   */
  readonly deadline: number
}

/** The end of a step's program. `reason` says in words why it failed. */
export interface End {
  readonly code: number
  readonly reason: string
  /** The last lines that it printed. */
  readonly lastLines: string
}

export interface SuperviseOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A value that changes as long as the program makes progress. Output also counts as a sign of life. */
  readonly progress?: () => unknown
}

const groups = new Set<number>()

// A program in a group of its own does not receive Ctrl-C.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    for (const group of groups) kill(group)
    process.exit(1)
  })
}

/** Runs a program, passes its output on, and ends it with everything it started when a limit is met. Never rejects. */
export const supervise = (
  program: string,
  args: ReadonlyArray<string>,
  limits: Limits,
  options: SuperviseOptions = {}
): Promise<End> =>
  new Promise((done) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}), ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true
    })
    const group = child.pid
    if (group !== undefined) groups.add(group)

    let reason: string | undefined
    let tail = ""
    let sign = performance.now()
    let progress = options.progress?.()
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr]
    ] as const) {
      from.on("data", (chunk: Buffer) => {
        sign = performance.now()
        tail = `${tail}${chunk}`.slice(-4_000)
        to.write(chunk)
      })
    }

    const end = (why: string) => {
      reason ??= why
      if (group !== undefined) kill(group)
    }
    const watch = setInterval(() => {
      const now = performance.now()
      const seen = options.progress?.()
      if (seen !== progress) sign = now
      progress = seen
      if (now - sign > limits.silence) end(`was ended after ${minutes(limits.silence)} without a sign of life`)
      if (now > limits.deadline) end("was ended because the time of the whole run was up")
    }, 500)

    const finish = (code: number, why: string) => {
      clearInterval(watch)
      if (group !== undefined) groups.delete(group)
      const lines = stripVTControlCharacters(tail).trimEnd().split("\n")
      done({ code, reason: reason ?? why, lastLines: lines.slice(-4).join("\n") })
    }
    child.once("error", (error) => finish(127, `could not be started: ${error.message}`))
    // Processes that it left behind hold its output open, and the run would wait for them.
    child.once("exit", () => group !== undefined && kill(group))
    child.once("close", (code, signal) =>
      finish(code ?? 1, signal === null ? `ended with code ${code}` : `was ended by ${signal}`)
    )
  })

const kill = (group: number): void => {
  try {
    process.kill(-group, "SIGKILL")
  } catch {
    // It is gone.
  }
}

const minutes = (milliseconds: number) => `${Math.round(milliseconds / 6_000) / 10} minutes`
