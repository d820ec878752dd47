import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readmeExamples } from "../docs/Document.ts"
import { run } from "../run/Command.ts"
import { installedVersion, type Package } from "./Package.ts"

/** A project like a user's: outside of the workspace, with the tarballs installed by npm. */
export interface Consumer {
  readonly folder: string
  readonly packages: ReadonlyArray<Package>
  /** The programs in it: the examples of the READMEs that need no server, and one that imports everything. */
  readonly programs: ReadonlyArray<string>
}

/**
 * Sets the project up. `oldestNode` becomes a dependency of it, so that its programs run on exactly the version that
 * the packages' manifests promise.
 */
export const createConsumer = async (
  folder: string,
  packages: ReadonlyArray<Package>,
  tarballs: ReadonlyMap<string, string>,
  oldestNode: string
): Promise<Consumer> => {
  mkdirSync(folder)
  const peers = packages.flatMap((each) =>
    each.peers.map((peer) => [peer, installedVersion(each.folder, peer)] as const)
  )
  const manifest = {
    name: "consumer",
    private: true,
    type: "module",
    // The package `node` fetches its program in an install script.
    allowScripts: { node: true },
    dependencies: {
      ...Object.fromEntries(peers),
      ...Object.fromEntries([...tarballs].map(([name, tarball]) => [name, `file:${tarball}`]))
    },
    devDependencies: {
      "@types/node": installedVersion(folder, "@types/node"),
      node: oldestNode,
      typescript: installedVersion(folder, "typescript")
    }
  }
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    lib: ["es2024", "esnext.disposable"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    rootDir: "src",
    outDir: "out"
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2))
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }, null, 2))
  mkdirSync(join(folder, "src"))
  writeFileSync(join(folder, "src/main.ts"), program(packages))
  const examples = readmeExamples().filter((example) => example.run && example.servers.length === 0)
  const programs = examples.map((example, index) => {
    writeFileSync(
      join(folder, `src/example${index}.ts`),
      `// ${example.file}:${example.line}\n${example.code.trim()}\n`
    )
    return `example${index}`
  })
  const { code, output } = await run("npm", ["install", "--no-audit", "--no-fund"], {
    cwd: folder,
    quiet: true
  })
  if (code !== 0) throw new Error(`npm install failed\n${output}`)
  return { folder, packages, programs: [...programs, "main"] }
}

/** Imports every entry point and prints the number of its names. */
const program = (packages: ReadonlyArray<Package>) => {
  // These two register tests when they are loaded, which works only in their test runner.
  const specifiers = packages.flatMap((each) => each.specifiers)
  const outside = specifiers.filter((specifier) => specifier.endsWith("/vitest"))
  const inside = specifiers.filter((specifier) => !outside.includes(specifier))
  return [
    ...inside.map((specifier, index) => `import * as m${index} from "${specifier}"`),
    ...outside.map((specifier, index) => `export type * as T${index} from "${specifier}"`),
    ...inside.map((specifier, index) => `console.log("${specifier}", Object.keys(m${index}).length)`),
    "console.log(process.version)\n"
  ].join("\n")
}

/**
 * Compiles the project with the declarations of its packages checked. Some of our dependencies' own
 * declarations need more than a server project has (Effect's want the DOM's), so only errors in our
 * files and the project's count.
 */
export const compile = async ({ folder, packages }: Consumer): Promise<ReadonlyArray<string>> => {
  const tsc = join(folder, "node_modules/.bin/tsc")
  const { output } = await run(tsc, ["-p", ".", "--pretty", "false"], { cwd: folder, quiet: true })
  const errors = output.split("\n").filter((line) => /error TS\d+/.test(line))
  const ours = packages.map(({ name }) => `node_modules/${name}/`)
  return errors.filter((line) => !line.startsWith("node_modules/") || ours.some((prefix) => line.startsWith(prefix)))
}

/** Runs all compiled programs under a Node of that version; returns the failures. */
export const execute = async ({ folder, programs }: Consumer, node: string, version: string) => {
  const problems: Array<string> = []
  for (const program of programs) {
    const { code, output } = await run(node, [`out/${program}.js`], { cwd: folder, quiet: true })
    const rightNode = program !== "main" || output.trim().endsWith(version)
    if (code !== 0 || !rightNode) problems.push(`${program} ended with ${code}\n${output}`)
  }
  return problems
}

/** The project's own Node, the oldest supported. */
export const oldestNode = ({ folder }: Consumer) => join(folder, "node_modules/.bin/node")
