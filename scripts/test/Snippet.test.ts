import { describe, expect, it } from "vitest"
import { inDocComments, inMarkdown, UncheckableSnippet } from "../docs/Snippet.ts"

const fence = "```"

describe("the examples of a Markdown text", () => {
  it("keep their line numbers", () => {
    const [snippet] = inMarkdown("README.md", `# Title\n\n${fence}ts\nconst x = 1\n${fence}\n`)
    expect(snippet).toEqual({ file: "README.md", line: 4, code: "\n\n\nconst x = 1", run: false, servers: [] })
  })

  it("are those in TypeScript", () => {
    expect(inMarkdown("README.md", `${fence}bash\nls\n${fence}\n${fence}tsx\n${fence}\n`)).toEqual([])
  })

  it("say what to run them with", () => {
    const [snippet] = inMarkdown("README.md", `${fence}ts run redis\nrun()\n${fence}`)
    expect(snippet).toMatchObject({ run: true, servers: ["redis"] })
  })

  it("can continue the one before", () => {
    const text = `${fence}ts redis\nconst x = 1\n${fence}\ntext\n${fence}ts continue run\nx\n${fence}`
    const snippets = inMarkdown("README.md", text)
    expect(snippets).toEqual([
      { file: "README.md", line: 2, code: "\nconst x = 1\n\n\n\nx", run: true, servers: ["redis"] }
    ])
  })

  it("must end, and must have something to continue", () => {
    expect(() => inMarkdown("README.md", `${fence}ts\nconst x = 1`)).toThrow(UncheckableSnippet)
    expect(() => inMarkdown("README.md", `${fence}ts continue\n${fence}`)).toThrow(UncheckableSnippet)
  })
})

describe("the examples in doc comments", () => {
  it("lose the comment and keep their line numbers", () => {
    const text = [
      "const a = 1",
      "/**",
      " * @example",
      ` * ${fence}ts`,
      " * const x = {",
      " *   y: 1",
      " * }",
      ` * ${fence}`,
      " */"
    ]
    const [snippet] = inDocComments("Cache.ts", text.join("\n"))
    expect(snippet).toMatchObject({ line: 5, code: "\n\n\n\nconst x = {\n  y: 1\n}" })
  })

  it("must be fenced", () => {
    expect(() => inDocComments("Cache.ts", "/**\n * @example\n * const x = 1\n */")).toThrow(/Cache\.ts:2/)
  })
})
