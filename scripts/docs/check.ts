import { allExamples } from "./Document.ts"
import { type ExampleServer, startServer } from "./Server.ts"
import { execute, typecheck, writeAll } from "./Workbench.ts"

/** Type-checks every example of the documentation and runs those marked `run`. */
const snippets = allExamples()
writeAll(snippets)
const problems: Array<string> = snippets.length === 0 ? [] : [...(await typecheck())]

const servers = new Map<string, ExampleServer>()
const runnable = snippets.filter((snippet) => snippet.run)
try {
  for (const snippet of runnable) {
    for (const kind of snippet.servers) {
      if (!servers.has(kind)) servers.set(kind, await startServer(kind))
    }
    const env = Object.assign({}, ...snippet.servers.map((kind) => servers.get(kind)!.env))
    const problem = await execute(snippet, env)
    if (problem !== undefined) problems.push(problem)
  }
} finally {
  for (const server of servers.values()) await server[Symbol.asyncDispose]()
}

for (const problem of problems) console.error(problem)
console.log(`${snippets.length} examples, ${runnable.length} of them run, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
