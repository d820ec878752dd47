import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** The app in a process of its own, as a user starts it. */
export class App {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  out = ""
  err = ""

  constructor(args: ReadonlyArray<string>, environment: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, ["--conditions=cache-locking-source", main, ...args], {
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...environment },
      stdio: ["ignore", "pipe", "pipe"]
    })
    this.child.stdout?.on("data", (chunk) => {
      this.out += chunk
    })
    this.child.stderr?.on("data", (chunk) => {
      this.err += chunk
    })
    this.ended = new Promise((resolve) =>
      this.child.once("close", (code) => resolve({ code, out: this.out, err: this.err }))
    )
  }

  /** The processes that it started, and those that they started. */
  descendants(): ReadonlyArray<number> {
    const children = Map.groupBy(processes(), ({ parent }) => parent)
    const below = (pid: number): ReadonlyArray<number> =>
      (children.get(pid) ?? []).flatMap((child) => [child.pid, ...below(child.pid)])
    return below(this.child.pid ?? -1)
  }
}

interface Process {
  readonly pid: number
  readonly parent: number
}

const processes = (): ReadonlyArray<Process> =>
  readdirSync("/proc").flatMap((name) => {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined
    return stat === undefined || stat.state === "Z" ? [] : [{ pid: Number(name), parent: stat.parent }]
  })

const statOf = (pid: number): { readonly state: string; readonly parent: number } | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    const [state = "", parent] = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

export const isAlive = (pid: number): boolean => {
  const stat = statOf(pid)
  return stat !== undefined && stat.state !== "Z"
}
