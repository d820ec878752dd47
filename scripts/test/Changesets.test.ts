import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import parse from "@changesets/parse"
import { describe, expect, it } from "vitest"
import { root } from "../run/Root.ts"

const files = globSync(".changeset/*.md", { cwd: root }).filter((file) => !file.endsWith("README.md"))
const manifests = globSync("packages/*/package.json", { cwd: root }).map(
  (file) => JSON.parse(readFileSync(join(root, file), "utf8")) as { readonly name: string; readonly private?: boolean }
)
const released = new Set(manifests.filter((manifest) => !manifest.private).map(({ name }) => name))

describe("changesets", () => {
  it.each(files)("%s can be read, and names packages that are released", (file) => {
    const { releases, summary } = parse(readFileSync(join(root, file), "utf8"))
    expect(summary).not.toBe("")
    expect(releases.length).toBeGreaterThan(0)
    for (const { name } of releases) expect(released).toContain(name)
  })
})
