import { execFile } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { type Archive, install, unpack } from "./Debian.ts"
import { Unavailable } from "./Problem.ts"

type Environment = Readonly<Record<string, string>>

/** The sources of a server's binary. */
export interface BinarySource {
  /** The file to run, e.g. `redis-server`. */
  readonly name: string
  /** Directories to search besides PATH. */
  readonly directories?: () => ReadonlyArray<string>
  /** The Debian packages that bring it. */
  readonly packages: ReadonlyArray<string>
  /**
   * The part of Debian's archive that has them. Packages of another release than the machine's are never installed,
   * only unpacked.
   */
  readonly archive?: Archive
  /** Gets it by other means than installing or unpacking the packages. */
  readonly bring?: () => Promise<{ readonly path: string; readonly env: Environment }>
  /** The version, where `--version` does not print it. */
  readonly version?: (path: string, env: Environment) => Promise<string>
  /** True for a version on PATH that suffices. */
  readonly accepts?: (version: string) => boolean
}

export interface Binary {
  readonly path: string
  /** The environment that the process needs, e.g. the place of its libraries. */
  readonly env: Environment
  readonly how: "path" | "installed" | "unpacked"
  readonly version: string
}

const run = promisify(execFile)

export const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Debian puts servers into folders that are not on an ordinary user's PATH. */
const systemDirectories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

const search = (source: BinarySource): string | undefined =>
  [...(process.env.PATH ?? "").split(delimiter), ...systemDirectories, ...(source.directories?.() ?? [])]
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, source.name))
    .find(isExecutable)

const toldVersion = async (path: string, env: Environment): Promise<string> => {
  const { stderr, stdout } = await run(path, ["--version"], { env: { ...process.env, ...env }, timeout: 10_000 })
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? "unknown"
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const installed = async (source: BinarySource): Promise<string> => {
  await install(source.packages)
  const path = search(source)
  if (path === undefined) throw new Error(`${source.packages.join(" ")} brought no ${source.name}`)
  return path
}

const unpacked = async (kind: string, source: BinarySource): Promise<{ path: string; env: Environment }> => {
  const { env, find } = await unpack(
    kind,
    source.packages,
    source.archive === undefined ? {} : { archive: source.archive }
  )
  const path = find(source.name)
  if (path === undefined) throw new Error(`${source.packages.join(" ")} brought no ${source.name}`)
  return { path, env }
}

/** The binary that this machine already has, if it runs and its version suffices. */
export const findOnPath = async (source: BinarySource): Promise<Binary | undefined> => {
  const path = search(source)
  // One that cannot print its version is a shell's placeholder, or broken.
  const version = path && (await (source.version ?? toldVersion)(path, {}).catch(() => undefined))
  if (path === undefined || version === undefined || source.accepts?.(version) === false) return undefined
  return { path, env: {}, how: "path", version }
}

const resolve = async (kind: string, source: BinarySource): Promise<Binary> => {
  const found = await findOnPath(source)
  if (found !== undefined) return found

  const versionOf = source.version ?? toldVersion
  const failures = [`no suitable ${source.name} on PATH`]
  if (source.archive === undefined && source.bring === undefined && process.getuid?.() === 0) {
    try {
      const path = await installed(source)
      return { path, env: {}, how: "installed", version: await versionOf(path, {}) }
    } catch (error) {
      failures.push(`installing failed: ${message(error)}`)
    }
  }
  try {
    const { env, path } = await (source.bring?.() ?? unpacked(kind, source))
    return { path, env, how: "unpacked", version: await versionOf(path, env) }
  } catch (error) {
    failures.push(`unpacking failed: ${message(error)}`)
  }
  throw new Unavailable(kind, failures.join("; "))
}

const resolved = new Map<string, Promise<Binary>>()

/**
 * On PATH, or installed (as root), or unpacked into a directory of our own. Searched once per process, also after a
 * failure.
 */
export const findBinary = (kind: string, source: BinarySource): Promise<Binary> => {
  const key = `${kind}/${source.name}`
  const known = resolved.get(key)
  if (known !== undefined) return known
  const answer = resolve(kind, source)
  answer.catch(() => {})
  resolved.set(key, answer)
  return answer
}
