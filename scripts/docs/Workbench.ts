import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { run } from "../run/Command.ts"
import { root } from "../run/Root.ts"
import type { Snippet } from "./Snippet.ts"

// Inside `docs`, whose package.json lists the packages that an example may import.
const folder = join(root, "docs/.examples")

const fileOf = (snippet: Snippet) => join(folder, snippet.file, `${snippet.line}.ts`)

/** Writes every example to a file of its own, together with a TypeScript project over all of them. */
export const writeAll = (snippets: ReadonlyArray<Snippet>): void => {
  rmSync(folder, { recursive: true, force: true })
  for (const snippet of snippets) {
    mkdirSync(dirname(fileOf(snippet)), { recursive: true })
    writeFileSync(fileOf(snippet), `${snippet.code}\n`)
  }
  const project = {
    extends: "../../tsconfig.base.json",
    // An example need not use each of its names.
    compilerOptions: { composite: false, incremental: false, noEmit: true, noUnusedLocals: false, rootDir: "../.." },
    include: ["**/*.ts"]
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project, null, 2))
}

/** Type-checks all examples. The errors name places in the documents, not in the files written here. */
export const typecheck = async (): Promise<ReadonlyArray<string>> => {
  const { code, output } = await run("tsc", ["-p", folder, "--pretty", "false"], { quiet: true })
  if (code === 0) return []
  const prefix = `${relative(root, folder)}/`
  return output
    .trim()
    .split("\n")
    .map((line) => line.replace(prefix, "").replace(/^(\S+)\/\d+\.ts\((\d+),\d+\)/, "$1:$2"))
}

/** Executes an example; returns its output if it failed. */
export const execute = async (snippet: Snippet, env: Record<string, string>): Promise<string | undefined> => {
  const args = ["--conditions=cache-locking-source", fileOf(snippet)]
  const { code, output } = await run("node", args, { cwd: join(root, "docs"), env, quiet: true })
  return code === 0 ? undefined : `${snippet.file}:${snippet.line} ended with ${code}\n${output}`
}
