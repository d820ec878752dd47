/** The machine and the versions of a run. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus, release, totalmem } from "node:os"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly system: string
  readonly node: string
}

export const machine = (): Machine => {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()}`,
    node: process.version
  }
}

const app = new URL("../../", import.meta.url)

/** The installed version of a package of ours. For an alias, that of its target. */
export const versionOf = (name: string): string => {
  const { version, ...found } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, app), "utf8")) as {
    readonly name: string
    readonly version: string
  }
  return `${found.name} ${version}`
}

/** The commit that is checked out, marked when the sources of packages differ from it. */
export const commit = (): string => {
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", args, { cwd: app, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  try {
    const changed = git("status", "--porcelain", "--", ":(top,glob)packages/*/src/**") !== ""
    return `${git("rev-parse", "--short", "HEAD")}${changed ? " and uncommitted changes" : ""}`
  } catch {
    return "unknown"
  }
}
