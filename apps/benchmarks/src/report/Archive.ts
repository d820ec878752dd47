/** The figures of the report, kept beside it so that one suite can be measured anew. */
import { readFile, writeFile } from "node:fs/promises"
import type { Machine } from "./Machine.ts"
import type { Result } from "./Result.ts"

export interface Archive {
  readonly machine: Machine
  /** The servers of the suites with their versions, by backend. */
  readonly servers: Readonly<Record<string, string>>
  /** The versions of packages, by the names under which they are imported. */
  readonly versions: Readonly<Record<string, string>>
  readonly results: ReadonlyArray<Result>
}

export const read = async (file: URL): Promise<Archive | undefined> => {
  try {
    // An older file names no servers.
    return { servers: {}, ...JSON.parse(await readFile(file, "utf8")) } as Archive
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/** True when the two agree on all their common names. */
const agree = (before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): boolean =>
  Object.entries(before).every(([name, version]) => now[name] === undefined || now[name] === version)

/**
 * Replaces older results by newer ones, if both come from one machine and the same versions: figures of two machines do
 * not belong on one page. A version that only one of them used is no difference.
 */
export const merge = (older: Archive | undefined, newer: Archive): Archive => {
  if (
    older === undefined ||
    JSON.stringify(older.machine) !== JSON.stringify(newer.machine) ||
    !agree(older.servers, newer.servers) ||
    !agree(older.versions, newer.versions)
  )
    return newer
  const kept = older.results.filter(({ suite }) => newer.results.every((result) => result.suite !== suite))
  return { ...newer, servers: { ...older.servers, ...newer.servers }, results: [...kept, ...newer.results] }
}

export const write = (file: URL, archive: Archive): Promise<void> =>
  writeFile(file, `${JSON.stringify(archive, null, 2)}\n`)
