import { isBuiltin } from "node:module"
import { matchesGlob } from "node:path"
import { findCycles } from "./Cycle.ts"
import type { Edge, ImportGraph } from "./ImportGraph.ts"
import { pure, rows, testsMayAlsoImport, workspaces } from "./Rules.ts"

/** A sentence a reader can act on: where, what, and why not. */
export type Violation = string

/** Everything in the graph that `Rules.ts` does not allow. */
export const findViolations = (graph: ImportGraph): ReadonlyArray<Violation> => [
  ...graph.edges.flatMap(boundary),
  ...graph.edges.flatMap(direction),
  ...graph.edges.flatMap(purity),
  ...graph.files.flatMap(place),
  ...findCycles(adjacency(graph)).map((cycle) => `cycle: ${[...cycle, cycle[0]].join(" → ")}`)
]

/** Between packages: only the allowed ones, only through their front doors, only when declared. */
const boundary = (edge: Edge): ReadonlyArray<Violation> => {
  const { target, workspace } = edge
  if (target.kind === "missing") return [`${at(edge)}: there is no such module`]
  const inSource = edge.from.startsWith(`${workspace.folder}/src/`)
  if (target.kind === "external") {
    const own = isBuiltin(edge.specifier) || workspace.dependencies.has(target.name)
    return inSource && !own
      ? [`${at(edge)}: not among the dependencies or peers in ${workspace.folder}/package.json`]
      : []
  }
  if (target.workspace === workspace) return []
  if (edge.specifier.startsWith(".")) return [`${at(edge)}: reaches into another package; import it by its name`]
  const rule = workspaces.find((each) => matchesGlob(workspace.folder, each.folder))
  const allowed = [...(rule?.mayImport ?? []), ...(inSource ? [] : testsMayAlsoImport)]
  const name = target.workspace.name
  if (!allowed.some((pattern) => pattern === "*" || matchesGlob(name, pattern))) {
    return [`${at(edge)}: ${workspace.folder} may import ${allowed.join(", ") || "no package of the workspace"}`]
  }
  return inSource && !workspace.dependencies.has(name)
    ? [`${at(edge)}: not among the dependencies or peers in ${workspace.folder}/package.json`]
    : []
}

/** Between the folders of a package with rows: only downwards. */
const direction = (edge: Edge): ReadonlyArray<Violation> => {
  const { target } = edge
  if (target.kind !== "file") return []
  const from = rowOf(edge.from)
  const to = rowOf(target.file)
  if (from === undefined || to === undefined || from.package !== to.package || from.room === to.room) return []
  if (from.row === -1 || to.row === -1 || from.row < to.row) return []
  const way = from.row === to.row ? "stands beside" : "stands above"
  return [`${at(edge)}: ${named(to.room)} ${way} ${named(from.room)}; imports point downwards`]
}

/** Pure modules import a few modules' types and nothing else. */
const purity = (edge: Edge): ReadonlyArray<Violation> => {
  const rule = pure.find((each) => edge.from === sourceFile(each.folder, each.module))
  if (rule === undefined) return []
  const { target } = edge
  const allowed =
    target.kind === "file" &&
    edge.typeOnly &&
    rule.typesOf.some((module) => target.file === sourceFile(rule.folder, module))
  return allowed ? [] : [`${at(edge)}: ${rule.module} is pure and imports only the types of ${rule.typesOf.join(", ")}`]
}

/** In a package with rows every folder has its place. */
const place = (file: string): ReadonlyArray<Violation> => {
  const found = rowOf(file)
  return found?.row === -1
    ? [`${file}: ${named(found.room)} stands in no row; give it one in scripts/deps/Rules.ts`]
    : []
}

const named = (room: string): string => (room === "" ? "the package's face" : `${room}/`)

const rowOf = (file: string) => {
  const rule = rows.find((each) => file.startsWith(`${each.package}/src/`))
  if (rule === undefined) return undefined
  const [room = "", ...rest] = file.slice(`${rule.package}/src/`.length).split("/")
  const folder = rest.length === 0 ? "" : room
  return { package: rule.package, room: folder, row: rule.topFirst.findIndex((folders) => folders.includes(folder)) }
}

const adjacency = (graph: ImportGraph) => {
  const next = new Map<string, Set<string>>(graph.files.map((file) => [file, new Set()]))
  for (const { from, target } of graph.edges) if (target.kind === "file") next.get(from)?.add(target.file)
  return next
}

const sourceFile = (folder: string, module: string) => `${folder}/src/${module}.ts`

const at = (edge: Edge) => `${edge.from}:${edge.line} imports ${edge.specifier}${edge.typeOnly ? " (types only)" : ""}`
