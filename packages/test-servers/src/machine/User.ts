import { readFileSync } from "node:fs"

export interface User {
  readonly uid: number
  readonly gid: number
}

/** The first of these users that the system has. */
export const userNamed = (...names: ReadonlyArray<string>): User | undefined => {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n")
  for (const name of names) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(":")
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  return undefined
}

/** The user for a server that refuses to run as root; none if this process is not root itself. */
export const unprivileged = (...names: ReadonlyArray<string>): User | undefined =>
  process.getuid?.() === 0 ? userNamed(...names, "nobody") : undefined
