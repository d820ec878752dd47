import { globSync, mkdirSync, rmSync } from "node:fs"
import { basename, join } from "node:path"
import { type Ended, run } from "../run/Command.ts"
import type { Package } from "./Package.ts"

/** Builds the packages from nothing: a file left over in `dist` would be published too. */
export const build = (packages: ReadonlyArray<Package>): Promise<Ended> => {
  for (const { folder } of packages) rmSync(join(folder, "dist"), { recursive: true, force: true })
  const filters = packages.map(({ name }) => `--filter=${name}`)
  return run("turbo", ["run", "build", "--force", "--output-logs=errors-only", ...filters], {
    env: { TURBO_TELEMETRY_DISABLED: "1" }
  })
}

/** Packs a package exactly as it would be published; returns the tarball's path. */
export const pack = async ({ folder, name }: Package, into: string): Promise<string> => {
  const destination = join(into, basename(folder))
  mkdirSync(destination)
  const { code, output } = await run("pnpm", ["pack", "--pack-destination", destination], { cwd: folder, quiet: true })
  const [tarball] = globSync(join(destination, "*.tgz"))
  if (code !== 0 || tarball === undefined) throw new Error(`${name} cannot be packed\n${output}`)
  return tarball
}

/** The errors that publint and attw report about a tarball. */
export const lint = async (tarball: string): Promise<ReadonlyArray<string>> => {
  const results = [
    await run("publint", ["run", tarball, "--strict"], { quiet: true }),
    await run("attw", [tarball, "--profile", "esm-only", "--no-color"], { quiet: true })
  ]
  return results.filter(({ code }) => code !== 0).map(({ output }) => output)
}

/** Checks that a tarball has the files that every published package needs, and none that only the workspace needs. */
export const contents = async (tarball: string): Promise<ReadonlyArray<string>> => {
  const { output } = await run("tar", ["-tzf", tarball], { quiet: true })
  const files = output
    .trim()
    .split("\n")
    .map((file) => file.replace(/^package\//, ""))
  return [
    ...["package.json", "README.md", "LICENSE", "dist/index.js", "dist/index.d.ts", "src/index.ts"]
      .filter((file) => !files.includes(file))
      .map((file) => `${file} is missing from the tarball`),
    ...files
      .filter(
        (file) => !/^(package\.json|README\.md|LICENSE|CHANGELOG\.md|(dist|src)\/.*\.(js|ts|map|lua|sql))$/.test(file)
      )
      .map((file) => `${file} should not be in the tarball`)
  ]
}
