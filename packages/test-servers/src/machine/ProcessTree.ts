import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"

/** `[process, its parent]` for every process. */
const parents = (): ReadonlyArray<readonly [number, number]> => {
  if (process.platform !== "linux") {
    const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n")
    return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [[Number(name), Number(factsOf(`/proc/${name}/stat`)[1])] as const]
      } catch {
        // It ended meanwhile.
        return []
      }
    })
}

/** The children of a process, theirs, and so on. */
export const descendants = (pid: number): ReadonlyArray<number> => {
  const all = parents()
  const childrenOf = (parent: number): ReadonlyArray<number> =>
    all.filter(([, of]) => of === parent).flatMap(([child]) => [child, ...childrenOf(child)])
  return childrenOf(pid)
}

/** The text after the program's name, which stands in parentheses and may contain any character. */
const factsOf = (stat: string): ReadonlyArray<string> =>
  readFileSync(stat, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ")

/**
 * True when every thread of a process has stopped, or the process has ended. A signal takes effect only after it was
 * sent.
 */
export const standsStill = (pid: number): boolean => {
  if (process.platform !== "linux") return true
  try {
    const tasks = readdirSync(`/proc/${pid}/task`)
    return tasks.every((task) => "TtZX".includes(factsOf(`/proc/${pid}/task/${task}/stat`)[0]!))
  } catch {
    return true
  }
}

/** Sends a signal; returns false if there is no such process. */
export const signalProcess = (pid: number, signal: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
