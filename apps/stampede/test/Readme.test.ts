import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { EarlyExit, parse } from "../src/cli/Arguments.ts"
import { scenarios } from "../src/scenarios/Scenarios.ts"
import { stores } from "../src/stores/Stores.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

const help = (): string => {
  try {
    parse(["--help"], {})
  } catch (error) {
    if (error instanceof EarlyExit) return error.message
  }
  throw new Error("there is no help")
}

it("the README's table has every option that --help has, and no other", () => {
  const options = (text: string, row: RegExp) => [...text.matchAll(row)].map(([, option]) => option).sort()
  expect(options(readme, /^\| `(--[a-z-]+)/gm)).toEqual(options(help(), /^ {2}(?:-h, )?(--[a-z-]+)/gm))
})

it("the README names every scenario and store", () => {
  for (const { name } of [...scenarios, ...stores]) expect(readme).toContain(`\`${name}\``)
})
