import { cruise, type ICruiseResult } from "dependency-cruiser"
import { rules } from "./Rules.ts"

/** The imports of all packages, apps and examples, and a line for each that `Rules.ts` refuses. */
export interface Imports {
  readonly files: number
  readonly imports: number
  readonly violations: ReadonlyArray<string>
}

/** Reads the imports of every TypeScript file below `root`. */
export const readImports = async (root: string): Promise<Imports> => {
  const { output } = await cruise(
    ["packages", "apps", "examples"],
    {
      baseDir: root,
      validate: true,
      ruleSet: { forbidden: rules },
      tsPreCompilationDeps: true,
      // A workspace package then keeps the path under node_modules by which it was imported.
      preserveSymlinks: true,
      doNotFollow: "node_modules",
      exclude: "^(packages|apps|examples)/[^/]+/dist/"
    },
    { exportsFields: ["exports"], conditionNames: ["cache-locking-source", "types", "import", "node", "default"] }
  )
  const { summary } = output as ICruiseResult
  return {
    files: summary.totalCruised,
    imports: summary.totalDependenciesCruised ?? 0,
    violations: summary.violations.map(
      ({ cycle, from, rule, to }) => `${[from, ...(cycle?.map(({ name }) => name) ?? [to])].join(" → ")}: ${rule.name}`
    )
  }
}
