import { parseSync, Visitor } from "oxc-parser"

/** One import, export-from, dynamic import or `import("…").Type` in a source text. */
export interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
  readonly line: number
}

/**
 * The imports written in a TypeScript source. A parser of syntax alone, because TypeScript 7 has no
 * classic compiler API and because compiled output has forgotten the type-only imports.
 */
export const importsOf = (file: string, source: string): ReadonlyArray<Import> => {
  const { program, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`${file} does not parse: ${errors.map((error) => error.message).join("; ")}`)
  const found: Array<Import> = []
  const add = (literal: { readonly value: unknown; readonly start: number } | null, typeOnly: boolean) => {
    if (literal === null || typeof literal.value !== "string") return
    found.push({ specifier: literal.value, typeOnly, line: lineAt(source, literal.start) })
  }
  new Visitor({
    ImportDeclaration: (node) => {
      const specifiers = node.specifiers
      const allTypes =
        specifiers.length > 0 &&
        specifiers.every((each) => each.type === "ImportSpecifier" && each.importKind === "type")
      add(node.source, node.importKind === "type" || allTypes)
    },
    ExportAllDeclaration: (node) => add(node.source, node.exportKind === "type"),
    ExportNamedDeclaration: (node) => add(node.source, node.exportKind === "type"),
    ImportExpression: (node) => {
      if (node.source.type === "Literal") add(node.source, false)
    },
    TSImportType: (node) => add(node.source, true)
  }).visit(program)
  return found
}

const lineAt = (source: string, offset: number) => source.slice(0, offset).split("\n").length
