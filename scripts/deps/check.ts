import { root } from "../run/Root.ts"
import { readGraph } from "./ImportGraph.ts"
import { findViolations } from "./Violation.ts"

/** The dependency check: prints every import that points the wrong way and fails if there is one. */
const graph = readGraph(root)
const violations = findViolations(graph)
for (const violation of violations) console.error(violation)
console.log(`${graph.files.length} files, ${graph.edges.length} imports, ${violations.length} violations`)
process.exitCode = violations.length > 0 || graph.files.length === 0 ? 1 : 0
