import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compile, createConsumer, execute, oldestNode } from "./Consumer.ts"
import { type Package, publicPackages } from "./Package.ts"
import { build, contents, lint, pack } from "./Tarball.ts"

/**
 * Packs every public package and uses the tarballs as a user would. They are linted, installed by npm in a separate
 * project, type-checked, and run on the newest and the oldest Node that we support.
 */
const packages = publicPackages()
const folder = mkdtempSync(join(tmpdir(), "packed-"))
const problems: Array<string> = []
const report = (what: string, found: ReadonlyArray<string>) => {
  console.log(`${found.length === 0 ? "✓" : "✗"} ${what}`)
  for (const problem of found) console.error(problem)
  problems.push(...found)
}

/** The version behind `>=22.19.0`, the only form that names exactly one version to test. */
const oldest = (of: ReadonlyArray<Package>): string => {
  const claims = new Set(of.map(({ enginesNode }) => enginesNode))
  const [claim = ""] = claims
  const version = /^>=(\d+\.\d+\.\d+)$/.exec(claim)?.[1]
  if (claims.size !== 1 || version === undefined) {
    throw new Error(`engines.node must be one ">=x.y.z" for all packages, not ${[...claims].join(", ")}`)
  }
  return version
}

try {
  const version = oldest(packages)
  if ((await build(packages)).code !== 0) throw new Error("the build failed, so there is nothing to pack")
  const tarballs = new Map<string, string>()
  for (const each of packages) {
    const tarball = await pack(each, folder)
    tarballs.set(each.name, tarball)
    report(`${each.name} is well packed`, [...(await contents(tarball)), ...(await lint(tarball))])
  }
  const consumer = await createConsumer(join(folder, "consumer"), packages, tarballs, version)
  report("declarations compile in another project", await compile(consumer))
  for (const [node, each] of [
    [process.execPath, process.version],
    [oldestNode(consumer), `v${version}`]
  ] as const) {
    report(`${consumer.programs.length} programs run on Node ${each}`, await execute(consumer, node, each))
  }
} catch (error) {
  report("pack", [error instanceof Error ? error.message : String(error)])
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = problems.length > 0 || packages.length === 0 ? 1 : 0
