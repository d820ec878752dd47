import { existsSync, globSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { unpack } from "./Debian.ts"
import { scratchDirectory } from "./Guardian.ts"
import { Unavailable } from "./Problem.ts"

const library = "usr/lib/*-linux-gnu*/faketime/libfaketimeMT.so.1"

let found: Promise<string> | undefined

/** Debian's libfaketime: the machine's own, or unpacked into the cache directory. */
const findLibrary = async (): Promise<string> => {
  const installed = globSync(library, { cwd: "/" })[0]
  if (installed !== undefined) return join("/", installed)
  try {
    const { prefix } = await unpack("faketime", ["libfaketime"], { extent: "alone" })
    const path = globSync(library, { cwd: prefix })[0]
    if (path === undefined) throw new Error("libfaketime brought no libfaketimeMT.so.1")
    return join(prefix, path)
  } catch (error) {
    throw new Unavailable("faketime", error instanceof Error ? error.message : String(error))
  }
}

/**
 * A wall clock that is wrong, for one process and those that it starts: `Date` follows it within a second of a change,
 * the monotonic clock and timers do not.
 */
export class WrongClock {
  /** The environment of the process. */
  readonly env: Readonly<Record<string, string>>
  private readonly file: string

  private constructor(library: string) {
    this.file = join(scratchDirectory("clock"), "offset")
    this.set(0)
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_CACHE_DURATION: "1",
      // One name was given up for the other.
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1"
    }
  }

  /** Rejects with `Unavailable` where libfaketime is not to be had. */
  static async make(): Promise<WrongClock> {
    found ??= findLibrary()
    const library = await found
    if (!existsSync(library)) throw new Unavailable("faketime", `${library} is gone`)
    return new WrongClock(library)
  }

  /** Sets the clock so many milliseconds off the machine's. */
  set(offset: number): void {
    const seconds = offset / 1_000
    // In one step: the process may read it at any time.
    writeFileSync(`${this.file}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`)
    renameSync(`${this.file}.new`, this.file)
  }
}
