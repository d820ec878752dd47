/** The figures that the report is made of: kept beside it, so that one suite can be measured anew. */
import { readFile, writeFile } from "node:fs/promises"
import type { Machine } from "./Machine.ts"
import type { Result } from "./Result.ts"

export interface Archive {
  readonly machine: Machine
  /** What suites ran on, and which versions: by backend. */
  readonly servers: Readonly<Record<string, string>>
  /** Of packages, by the name they are imported by. */
  readonly versions: Readonly<Record<string, string>>
  readonly results: ReadonlyArray<Result>
}

export const read = async (file: URL): Promise<Archive | undefined> => {
  try {
    // A file of older times names no servers.
    return { servers: {}, ...JSON.parse(await readFile(file, "utf8")) } as Archive
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/** Whether nothing that both know differs. */
const agree = (before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): boolean =>
  Object.entries(before).every(([name, version]) => now[name] === undefined || now[name] === version)

/**
 * The newer results in place of the older ones, if both were had on one machine with the same versions; figures
 * of two machines do not belong on one page. What only one of them used is no difference.
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
