import { type DefaultTreeAdapterTypes, type ErrorCodes, parse } from "parse5"
import { describe, expect, it } from "vitest"
import { report } from "../src/report/Report.ts"
import type { Outcome } from "../src/run/Stampede.ts"
import { run } from "./support/Run.ts"

type Node = DefaultTreeAdapterTypes.Node

const elements = (node: Node): ReadonlyArray<DefaultTreeAdapterTypes.Element> => [
  ...("tagName" in node ? [node] : []),
  ...("childNodes" in node ? node.childNodes.flatMap(elements) : [])
]

const text = (node: Node): string =>
  "value" in node ? node.value : "childNodes" in node ? node.childNodes.map(text).join("") : ""

const parsed = (html: string) => {
  const errors: Array<ErrorCodes> = []
  const document = parse(html, { onParseError: ({ code }) => errors.push(code as ErrorCodes) })
  return { errors, all: elements(document) }
}

const hostileKey = `"><script>alert('x')</script>&amp;<b`

/** Attributes that make a browser fetch something. */
const fetching = ["src", "href", "xlink:href", "srcset", "action", "data", "poster", "background"]

const check = (outcome: Outcome) => {
  const html = report(outcome, "/tmp/a.html")
  const { all, errors } = parsed(html)
  expect(errors).toEqual([])
  expect(
    all.filter(({ tagName }) => ["script", "link", "img", "iframe", "object", "embed", "base"].includes(tagName))
  ).toEqual([])
  expect(all.flatMap(({ attrs }) => attrs.filter(({ name }) => fetching.includes(name)))).toEqual([])
  expect(all.flatMap(({ attrs }) => attrs.filter(({ name }) => name.startsWith("on")))).toEqual([])
  expect(html).not.toMatch(/https?:\/\/|@import|url\((?!#)/)
  return { all, html }
}

describe("the report", () => {
  it("is well-formed and self-contained, and escapes keys", async () => {
    const outcome = await run(
      "--processes",
      "2",
      "--callers",
      "4",
      "--load",
      "30ms",
      "--keys",
      `${hostileKey},product:2`
    )
    const { all, html } = check(outcome)
    expect(html).not.toContain("<script")
    expect(html).toContain("&lt;script&gt;")
    const shown = all
      .filter(({ tagName }) => tagName === "body")
      .map(text)
      .join("")
    expect(shown).toContain(hostileKey)

    // Screen readers get the same information.
    const pictures = all.filter(({ attrs, tagName }) => tagName === "svg" && attrs.some(({ name }) => name === "role"))
    expect(pictures.length).toBeGreaterThan(0)
    const ids = new Set(all.flatMap(({ attrs }) => attrs.filter(({ name }) => name === "id").map(({ value }) => value)))
    for (const { attrs } of pictures) {
      const labels = attrs.find(({ name }) => name === "aria-labelledby")!.value.split(" ")
      for (const label of labels) expect(ids).toContain(label)
    }
    expect(all.filter(({ tagName }) => tagName === "caption" || tagName === "th").length).toBeGreaterThan(3)
    expect(all.filter(({ tagName }) => tagName === "h1")).toHaveLength(1)
    expect(ids.size).toBe(all.flatMap(({ attrs }) => attrs.filter(({ name }) => name === "id")).length)
  })

  it("shows a kill and a takeover", async () => {
    const outcome = await run(
      "--check",
      "--kill",
      "--processes",
      "3",
      "--callers",
      "10",
      "--load",
      "100ms",
      "--lease",
      "600ms"
    )
    const { all } = check(outcome)
    const shown = all.filter(({ tagName }) => tagName === "text").map(text)
    expect(shown).toContain("killed")
    expect(shown).toContain("takes over")
  })

  it("is small, however many callers there are", async () => {
    const outcome = await run("--check", "--callers", "2000", "--load", "50ms")
    expect(outcome.kept).toBe(true)
    expect(report(outcome, "a.html").length).toBeLessThan(200_000)
  })

  it("can be the timeline alone", async () => {
    const outcome = await run("--check", "--processes", "2", "--callers", "2", "--load", "20ms", "--keys", hostileKey)
    const svg = report(outcome, "/tmp/a.svg")
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
    expect(svg).not.toContain("<script")
    expect(svg).toContain("--load:")
  })
})
