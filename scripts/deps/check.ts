import { root } from "../run/Root.ts"
import { readImports } from "./Imports.ts"

/** The check of imports: prints every import that the rules refuse and fails if there is one. */
const { files, imports, violations } = await readImports(root)
for (const violation of violations) console.error(violation)
console.log(`${files} files, ${imports} imports, ${violations.length} violations`)
// Without a parser for TypeScript there are files and no imports, which must fail.
process.exitCode = violations.length > 0 || imports === 0 ? 1 : 0
