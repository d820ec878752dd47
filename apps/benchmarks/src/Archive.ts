/** The figures that the report is made of: kept beside it, so that one suite can be measured anew. */
import { readFile, writeFile } from "node:fs/promises"
import type { Machine } from "./Machine.ts"
import type { Result } from "./Result.ts"

export interface Archive {
  readonly machine: Machine
  readonly redis: string
  /** Of packages, by the name they are imported by. */
  readonly versions: Readonly<Record<string, string>>
  readonly results: ReadonlyArray<Result>
}

export const read = async (file: URL): Promise<Archive | undefined> => {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Archive
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/**
 * The newer results in place of the older ones, if both were had on one machine with the same versions; figures
 * of two machines do not belong on one page.
 */
export const merge = (older: Archive | undefined, newer: Archive): Archive => {
  const { results: _, ...now } = newer
  const { results = [], ...before } = older ?? {}
  const same = JSON.stringify({ ...before }) === JSON.stringify(now)
  const kept = same ? results.filter(({ suite }) => newer.results.every((result) => result.suite !== suite)) : []
  return { ...newer, results: [...kept, ...newer.results] }
}

export const write = (file: URL, archive: Archive): Promise<void> =>
  writeFile(file, `${JSON.stringify(archive, null, 2)}\n`)
