import type { IForbiddenRuleType } from "dependency-cruiser"

/**
 * The allowed imports, as rules for dependency-cruiser. This file is the whole policy.
 *
 * Every module depends downwards. A type-only import counts like any other, because a type that points upwards is a
 * design that points upwards.
 */

/**
 * The folders of a package's sources from top to bottom. A module may import from its own folder and from rows below;
 * folders in one row do not import each other. A folder in no row is refused: a new folder gets its row here first. A
 * row whose folder does not exist has no effect. The empty name stands for the modules outside of any folder. Where
 * no row has it, these modules may be imported by every folder and import from every folder, if no cycle results.
 */
const rows: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>> = {
  "packages/core": [
    [""],
    ["call"],
    ["flight", "stores"],
    ["guard"],
    ["options"],
    ["tags"],
    ["codec"],
    ["stats"],
    ["contract"]
  ],
  "packages/cluster": [[""], ["cache"], ["client"], ["primary"], ["wire"]],
  "packages/redis": [[""], ["client"]],
  "packages/conformance-kit": [[""], ["session"], ["cases"], ["testing", "histories"], ["world"]],
  "packages/simulation": [[""], ["mutants"], ["world"], ["oracle", "cells"], ["story"]],
  "packages/test-servers": [
    [""],
    ["mongodb"],
    ["postgres", "redis", "memcached", "aws", "workers"],
    ["proxy"],
    ["machine"]
  ]
}

/** The workspace packages that the sources of these packages may import: none, or the contract. */
const ofSources: ReadonlyArray<readonly [from: string, mayImport: ReadonlyArray<string>]> = [
  ["^packages/(core|test-servers)/src/", []],
  ["^packages/[^/]+/src/", ["core"]]
]

/**
 * The packages that a package's own tests may import besides the package. The last one gives leases to a store that has
 * none.
 */
const ofTests = ["core", "conformance-kit", "test-servers", "cloudflare-d1"]

/** The module that defines an entry. It imports only the types of the contract. */
const pure = "^packages/core/src/contract/Entry\\.ts$"
const pureMayImportTypesOf = "^packages/core/src/contract/Adapter\\.ts$"

type Side = { readonly path?: string | Array<string>; readonly pathNot?: string | Array<string> }

const refuse = (name: string, from: Side, to: Extract<IForbiddenRuleType, { to: object }>["to"]) =>
  ({ name, severity: "error", from, to }) as IForbiddenRuleType

const workspacePackage = "(^|/)node_modules/@cache-locking/"
const except = (names: ReadonlyArray<string>) =>
  names.length === 0 ? {} : { pathNot: `${workspacePackage}(${names.join("|")})/` }

const inRow = (folder: string, names: ReadonlyArray<string>) =>
  names.map((name) => (name === "" ? `^${folder}/src/[^/]+$` : `^${folder}/src/${name}/`))

const layering = Object.entries(rows).flatMap(([folder, topFirst]) => {
  const placed = topFirst.flatMap((names) => inRow(folder, names))
  const unplaced: Side = { path: `^${folder}/src/[^/]+/`, pathNot: placed }
  return [
    refuse("a folder stands in no row of scripts/deps/Rules.ts", unplaced, {}),
    refuse("a folder stands in no row of scripts/deps/Rules.ts", {}, unplaced),
    ...topFirst.flatMap((names, row) =>
      names.map((name) => {
        const notBelow = topFirst.slice(0, row + 1).flatMap((each) => inRow(folder, each))
        const own = inRow(folder, [name])
        return refuse("imports point downwards", { path: own }, { path: notBelow, pathNot: own })
      })
    )
  ]
})

export const rules: Array<IForbiddenRuleType> = [
  refuse("no cycles", {}, { circular: true }),
  refuse("there is no such module", {}, { couldNotResolve: true }),
  refuse(
    "sources import only what their package.json has among its dependencies or peers",
    { path: "^(packages|apps|examples)/[^/]+/src/" },
    { couldNotResolve: false, dependencyTypesNot: ["local", "core", "npm", "npm-peer", "npm-optional"] }
  ),
  refuse(
    "another package is imported by its name",
    { path: "^((packages|apps|examples)/[^/]+)/" },
    { path: "^(packages|apps|examples)/", pathNot: "^$1/" }
  ),
  ...ofSources.map(([path, names]) =>
    refuse(
      `may import ${names.join() || "no package of the workspace"}`,
      { path },
      { path: workspacePackage, ...except(names) }
    )
  ),
  refuse(
    `tests may import ${ofTests.join(", ")}`,
    { path: "^packages/", pathNot: "^packages/[^/]+/src/" },
    { path: workspacePackage, ...except(ofTests) }
  ),
  ...layering,
  refuse("a pure module imports nothing else", { path: pure }, { pathNot: pureMayImportTypesOf }),
  refuse("a pure module imports only types", { path: pure }, { dependencyTypesNot: ["type-only", "type-import"] })
]
