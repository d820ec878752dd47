import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { accessSync, constants, existsSync, globSync, mkdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { installScript, unpackScript } from "./DebianScripts.ts"

/** A part of Debian's archive besides the machine's own release. */
export type Archive = "backports" | "unstable"

// Long enough for the largest package over a slow line, short enough to end a hang.
const patience = 15 * 60_000

/** Runs a shell script under a lock that the kernel drops when the script ends, however it ends. */
const runLocked = (lock: string, script: string, args: ReadonlyArray<string>): Promise<void> =>
  new Promise((resolve, reject) => {
    execFile(
      "flock",
      [lock, "/bin/sh", "-euc", script, "debian", ...args],
      { timeout: patience, maxBuffer: 64 * 1024 * 1024, encoding: "utf8" },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve()
          return
        }
        const told = stderr.trim() === "" ? stdout : stderr
        const lines = told.trim().split("\n").slice(-4).join(" | ")
        // Not the error itself: its message is the whole script.
        reject(new Error(lines === "" ? `ended with ${error.signal ?? error.code}` : lines))
      }
    )
  })

const isDebian = (): boolean => existsSync("/etc/debian_version") && existsSync("/usr/bin/apt-get")

const requireDebian = (): void => {
  if (!isDebian()) throw new Error("this is not a Debian-like system")
}

/** The parts of the system that an installation touches besides the packages. */
export interface InstallPlaces {
  /** The file by which an administrator forbids packages to start their daemons. */
  readonly policy: string
  /** The folder of the lock and of the time at which the package lists were last refreshed, the same for all processes. */
  readonly state: string
}

const systemPlaces: InstallPlaces = {
  policy: "/usr/sbin/policy-rc.d",
  state: existsSync("/run/lock") ? "/run/lock" : tmpdir()
}

/**
 * Installs packages of the machine's own release, as root, without starting the daemons they bring. Safe when several
 * processes ask at once: they take turns, and later ones find it done.
 */
export const install = async (packages: ReadonlyArray<string>, places: InstallPlaces = systemPlaces): Promise<void> => {
  requireDebian()
  const own = join(places.state, "cache-locking-test-servers")
  await runLocked(`${own}.lock`, installScript, [places.policy, `${own}.updated`, ...packages])
}

/**
 * The directory for files that are kept between runs: the user's cache directory, or a temporary one where that is not
 * writable. For root it is the system's, because a server that drops root could not read root's own.
 */
export const cacheDirectory = (): string => {
  const { HOME, XDG_CACHE_HOME } = process.env
  const user = process.getuid?.() ?? "user"
  const home = HOME === undefined ? undefined : join(HOME, ".cache")
  const cache = XDG_CACHE_HOME ?? (user === 0 ? "/var/cache" : home)
  const candidates = [
    ...(cache === undefined ? [] : [join(cache, "cache-locking", "test-servers")]),
    join(tmpdir(), `cache-locking-test-servers-${user}`)
  ]
  for (const path of candidates) {
    try {
      mkdirSync(path, { recursive: true, mode: 0o755 })
      accessSync(path, constants.W_OK)
      return path
    } catch {
      // Not writable: the next one.
    }
  }
  throw new Error(`no directory to keep files in: tried ${candidates.join(" and ")}`)
}

export interface Unpacked {
  readonly prefix: string
  /** The environment that a binary of the prefix needs. */
  readonly env: Readonly<Record<string, string>>
  /** A file of that name in one of the prefix's directories of binaries. */
  readonly find: (name: string) => string | undefined
}

const suiteOf = (archive: Archive | undefined): string => {
  if (archive === undefined) return ""
  if (archive === "unstable") return "sid"
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1]
  if (codename === undefined) throw new Error("the system does not name its release")
  return `${codename}-${archive}`
}

/**
 * The dependencies that come along with the named packages: those that the system lacks; none; or all down to the C
 * library, for packages of a release too new for the system's own.
 */
export type Extent = "needed" | "alone" | "all"

export interface UnpackOptions {
  readonly archive?: Archive
  readonly extent?: Extent
  /**
   * A shell script, run once in the unpacked tree before it is moved to `$prefix`. It does the rest of what the
   * packages' installation would do.
   */
  readonly finish?: string
}

/**
 * Downloads packages and unpacks them into a directory of our own, once per machine and user. It changes nothing in the
 * system and needs no root.
 */
export const unpack = async (
  name: string,
  packages: ReadonlyArray<string>,
  { archive, extent = "needed", finish = "" }: UnpackOptions = {}
): Promise<Unpacked> => {
  requireDebian()
  const cache = cacheDirectory()
  const suite = suiteOf(archive)
  const prefix = join(cache, suite === "" ? name : `${name}-${suite}`)
  // The result of an older recipe is not used for this one.
  const recipe = createHash("sha256")
    .update([suite, extent, finish, ...packages].join("\n"))
    .digest("hex")
  await runLocked(join(cache, "lock"), unpackScript, [cache, prefix, recipe, suite, extent, finish, ...packages])
  const libraries = globSync(["usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"], { cwd: prefix })
  return {
    prefix,
    env: { LD_LIBRARY_PATH: libraries.map((path) => join(prefix, path)).join(":") },
    find: (binary) => {
      const found = globSync([`{usr/,}{bin,sbin}/${binary}`, `usr/lib/postgresql/*/bin/${binary}`], { cwd: prefix })[0]
      return found === undefined ? undefined : join(prefix, found)
    }
  }
}
