import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"
import { importsOf } from "./Import.ts"

/** A package of the workspace and what its manifest lets its sources import. */
export interface Workspace {
  readonly name: string
  /** Folder, relative to the root: `packages/core`. */
  readonly folder: string
  /** Names of dependencies and peers, the packages that an installed copy can rely on. */
  readonly dependencies: ReadonlySet<string>
  /** Subpath (`.`, `./promise`) to source file, relative to the root. */
  readonly entries: ReadonlyMap<string, string>
}

/** Where an import leads: a file of the tree, a package outside it, or nowhere. */
export type Target =
  | { readonly kind: "file"; readonly file: string; readonly workspace: Workspace }
  | { readonly kind: "external"; readonly name: string }
  | { readonly kind: "missing" }

/** An edge of the graph: `file` imports `target` at `line`. */
export interface Edge {
  readonly from: string
  readonly workspace: Workspace
  readonly specifier: string
  readonly typeOnly: boolean
  readonly line: number
  readonly target: Target
}

export interface ImportGraph {
  readonly files: ReadonlyArray<string>
  readonly edges: ReadonlyArray<Edge>
}

/** Reads every source and test file of the workspace under `root`. */
export const readGraph = (root: string): ImportGraph => {
  const workspaces = readWorkspaces(root)
  const files: Array<string> = []
  const edges: Array<Edge> = []
  for (const workspace of workspaces) {
    const patterns = ["src", "test"].map((part) => `${workspace.folder}/${part}/**/*.ts`)
    for (const file of globSync([...patterns, `${workspace.folder}/*.ts`], { cwd: root })
      .map(slashes)
      .sort()) {
      files.push(file)
      for (const each of importsOf(file, readFileSync(join(root, file), "utf8"))) {
        edges.push({
          from: file,
          workspace,
          ...each,
          target: resolveImport(root, workspaces, workspace, file, each.specifier)
        })
      }
    }
  }
  return { files, edges }
}

const readWorkspaces = (root: string): ReadonlyArray<Workspace> =>
  globSync("{packages,apps,examples}/*/package.json", { cwd: root })
    .map(slashes)
    .sort()
    .map((file) => {
      const manifest = JSON.parse(readFileSync(join(root, file), "utf8"))
      const folder = dirname(file)
      const entries = new Map<string, string>()
      for (const [subpath, target] of Object.entries<any>(manifest.exports ?? {})) {
        const source = target?.["cache-locking-source"]
        if (typeof source === "string") entries.set(subpath, slashes(join(folder, source)))
      }
      const dependencies = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
      return { name: manifest.name, folder, dependencies, entries }
    })

const resolveImport = (
  root: string,
  workspaces: ReadonlyArray<Workspace>,
  workspace: Workspace,
  from: string,
  specifier: string
): Target => {
  if (specifier.startsWith(".")) {
    const file = slashes(relative(root, resolve(root, dirname(from), specifier)))
    if (!existsSync(join(root, file))) return { kind: "missing" }
    const owner = workspaces.find((each) => file.startsWith(`${each.folder}/`))
    // A file of the root (a shared config) belongs to whoever reads it.
    return { kind: "file", file, workspace: owner ?? workspace }
  }
  const name = packageName(specifier)
  const owner = workspaces.find((each) => each.name === name)
  if (owner === undefined) return { kind: "external", name }
  const file = owner.entries.get(`.${specifier.slice(name.length)}`)
  return file === undefined ? { kind: "missing" } : { kind: "file", file, workspace: owner }
}

const packageName = (specifier: string) =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

const slashes = (path: string) => path.split(sep).join("/")
