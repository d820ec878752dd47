import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { cases, casesOf } from "../../src/cases/Cases.ts"
import { laws, titleOf } from "../../src/world/Law.ts"

/** The numbered list in the contract's doc comment. */
const stated = (): ReadonlyMap<string, string> => {
  const source = readFileSync(new URL("../../../core/src/contract/Adapter.ts", import.meta.url), "utf8")
  const comment = source.slice(0, source.indexOf("*/"))
  const items = comment.split(/\n \* +(?=\d+\. )/).slice(1)
  return new Map(
    items.map((item) => {
      const [, number, text] = /^(\d+)\. ([\s\S]*)$/.exec(item)!
      return [number!, text!.replaceAll(/\n \* */g, " ").trim()]
    })
  )
}

describe("laws", () => {
  it("are the contract's own, word for word", () => {
    const ours = laws.filter(({ id }) => /^\d+$/.test(id)).map(({ id, text }) => [id, text] as const)
    expect(new Map(ours)).toEqual(stated())
  })

  it("have at least one case each", () => {
    expect(laws.filter(({ id }) => casesOf(id).length === 0)).toEqual([])
  })

  it("have cases whose names are unique, across all laws", () => {
    const names = cases.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it("are called by number or by word", () => {
    expect([titleOf("3"), titleOf("stale")]).toEqual(["law 3", "stale"])
  })
})
