import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../run/Root.ts"
import { inDocComments, inMarkdown, type Snippet } from "./Snippet.ts"

const texts = (patterns: ReadonlyArray<string>) =>
  globSync([...patterns], { cwd: root })
    .filter((file) => !file.includes("node_modules"))
    .sort()
    .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }))

const markdown = (...patterns: ReadonlyArray<string>): ReadonlyArray<Snippet> =>
  texts(patterns).flatMap(({ file, text }) => inMarkdown(file, text))

/** The examples of the pages that a user sees first: the project's and the packages' own. */
export const readmeExamples = () => markdown("README.md", "packages/*/README.md")

/** All examples. */
export const allExamples = (): ReadonlyArray<Snippet> => [
  ...readmeExamples(),
  ...markdown("docs/**/*.md", "examples/*/README.md"),
  ...texts(["packages/*/src/**/*.ts"]).flatMap(({ file, text }) => inDocComments(file, text))
]
