/**
 * A TypeScript example found in a text. The words after `ts` in the opening fence, which no Markdown renderer shows,
 * are instructions for it:
 *
 * - `run`: it is also executed, and must end without an error. `run redis` gives it a server.
 * - `continue`: it continues the file's previous example, and is checked together with it.
 */
export interface Snippet {
  readonly file: string
  /** Line of the first line of code, counted from 1. */
  readonly line: number
  /** The code, with every line on its line number in `file`. */
  readonly code: string
  readonly run: boolean
  readonly servers: ReadonlyArray<string>
}

/** An example that cannot be checked as it is written, with its place. */
export class UncheckableSnippet extends Error {
  override readonly name = "UncheckableSnippet"
}

/** The examples of a Markdown text. */
export const inMarkdown = (file: string, text: string): ReadonlyArray<Snippet> => collect(file, text.split("\n"))

/** The examples in the doc comments of a source text; an `@example` must fence its code. */
export const inDocComments = (file: string, text: string): ReadonlyArray<Snippet> => {
  // Everything outside of doc comments becomes an empty line, so that line numbers stay correct.
  const lines = text.split("\n").map(() => "")
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const first = text.slice(0, comment.index).split("\n").length - 1
    const body = comment[0]
      .replace(/^\/\*\*/, "")
      .replace(/\*\/$/, "")
      .split("\n")
    body.forEach((line, index) => {
      lines[first + index] = line.replace(/^\s*\* ?/, "")
    })
    for (const [index, line] of body.entries()) {
      if (!/^\s*\*?\s*@example/.test(line)) continue
      const rest = body
        .slice(index + 1)
        .join("\n")
        .split(/^\s*\*?\s*@\w/m)[0]!
      if (!rest.includes("```ts")) {
        throw new UncheckableSnippet(
          `${file}:${first + index + 1}: put the code of this @example between \`\`\`ts and \`\`\``
        )
      }
    }
  }
  return collect(file, lines)
}

const collect = (file: string, lines: ReadonlyArray<string>): ReadonlyArray<Snippet> => {
  const found: Array<Snippet> = []
  for (let index = 0; index < lines.length; index++) {
    const opening = /^(\s*)(`{3,})(?:ts|typescript)\b(.*)$/.exec(lines[index]!)
    if (opening === null) continue
    const [, indent, fence, info] = opening
    const words = info!.trim().split(/\s+/).filter(Boolean)
    const first = index + 1
    const end = lines.findIndex((line, at) => at >= first && line.trim() === fence)
    if (end === -1) throw new UncheckableSnippet(`${file}:${first}: this code block has no end`)
    const before = words.includes("continue") ? found.pop() : undefined
    if (words.includes("continue") && before === undefined) {
      throw new UncheckableSnippet(`${file}:${first}: there is no example to continue`)
    }
    const start = before?.code.split("\n") ?? []
    const blank = Array<string>(first - start.length).fill("")
    const code = lines.slice(first, end).map((line) => (line.startsWith(indent!) ? line.slice(indent!.length) : line))
    found.push({
      file,
      line: before?.line ?? first + 1,
      code: [...start, ...blank, ...code].join("\n"),
      run: words.includes("run"),
      servers: [...(before?.servers ?? []), ...words.filter((word) => word !== "run" && word !== "continue")]
    })
    index = end
  }
  return found
}
