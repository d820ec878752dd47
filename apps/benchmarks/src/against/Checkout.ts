/** The sources of a commit in a folder of their own, installed and built, as a user would have the packages. */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"

const root = resolve(import.meta.dirname, "../../../..")

const run = async (program: string, args: ReadonlyArray<string>, cwd: string, env?: NodeJS.ProcessEnv) => {
  try {
    return await promisify(execFile)(program, args, { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 })
  } catch (error) {
    const { stderr, stdout } = error as { readonly stderr?: string; readonly stdout?: string }
    throw new Error([`${program} ${args.join(" ")} failed`, stdout, stderr].join("\n").trim(), { cause: error })
  }
}

/** Folders that this process removes, however it ends. */
export class Checkouts implements Disposable {
  private readonly folder = mkdtempSync(join(tmpdir(), "benchmarks-against-"))
  private readonly repository: string
  private readonly remove = (): void => rmSync(this.folder, { recursive: true, force: true })

  constructor(repository = root) {
    this.repository = repository
    process.on("exit", this.remove)
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, this.interrupt)
  }

  private readonly interrupt = (): never => process.exit(1)

  /** Writes the files of a commit, or all files of the working tree that are not ignored. */
  async write(name: string, commit: string | undefined): Promise<string> {
    const folder = join(this.folder, name)
    // An index of our own: neither the repository's index nor its list of worktrees changes.
    const git = (...args: ReadonlyArray<string>) =>
      run("git", args, this.repository, { GIT_INDEX_FILE: join(this.folder, `${name}.index`) })
    await git("read-tree", commit ?? "HEAD")
    if (commit === undefined) await git("add", "--all")
    await git("checkout-index", "--all", `--prefix=${folder}/`)
    return folder
  }

  /** The same, installed and built. */
  async build(name: string, commit: string | undefined): Promise<string> {
    const folder = await this.write(name, commit)
    await run(
      join(this.repository, "node_modules/.bin/pnpm"),
      ["install", "--frozen-lockfile", "--prefer-offline"],
      folder
    )
    // Redis is over core, so this builds both.
    await run(join(folder, "node_modules/.bin/tsc"), ["-b", "packages/redis/tsconfig.src.json"], folder)
    return folder
  }

  [Symbol.dispose](): void {
    process.off("exit", this.remove)
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, this.interrupt)
    this.remove()
  }
}
