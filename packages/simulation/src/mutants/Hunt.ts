/**
 * The hunt for a mutant, in a process of its own: core is loaded with the mutant in it.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Story } from "../story/Story.ts"

/** The result of a hunt. */
export interface Hunted {
  /** The rules that its kept story breaks, or that one of the stories breaks that a person wrote. */
  readonly kept: ReadonlyArray<string>
  /** Histories until the first violation; absent if there was none. */
  readonly histories?: number
  readonly rule?: string
  readonly seed?: number
  /** The story, shrunk. */
  readonly story?: Story
}

export interface HuntOptions {
  readonly seed: number
  /** The most histories. Default 10,000. */
  readonly histories?: number
  /** Shrinks the story that was found. */
  readonly keep?: boolean
}

export const keptStories: URL = new URL("../../stories/mutants.json", import.meta.url)

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export const huntFor = async (
  mutant: string,
  { histories = 10_000, keep = false, seed }: HuntOptions
): Promise<Hunted> => {
  const options = ["--seed", String(seed), "--histories", String(histories), ...(keep ? ["--keep"] : [])]
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=cache-locking-source", "--import", path("./mutate.ts"), path("./hunting.ts"), ...options],
    { env: { ...process.env, MUTANT: mutant } }
  )
  return JSON.parse(stdout) as Hunted
}
