/**
 * HTML and SVG, built so that text never becomes markup.
 */
const entities: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** Finished markup, which goes into other markup unescaped. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Child = Markup | string | number | false | undefined | ReadonlyArray<Child>

type Attributes = { readonly [name: string]: string | number | undefined }

/** Characters that no document may contain, not even escaped. */
const forbidden = /(?![\t\n])\p{Cc}|\p{Noncharacter_Code_Point}/gu

export const escape = (text: string): string =>
  text
    .toWellFormed()
    .replace(forbidden, "\ufffd")
    .replace(/[&<>"']/g, (character) => entities[character]!)

/** A coordinate, to a tenth of a pixel. */
export const round = (value: number): number => Math.round(value * 10) / 10

const render = (child: Child): string => {
  if (child === undefined || child === false) return ""
  if (child instanceof Markup) return child.text
  if (Array.isArray(child)) return child.map(render).join("")
  return escape(String(child))
}

const voids = new Set(["meta", "br"])

/** An element. Attributes that are `undefined` are left out. */
export const el = (name: string, attributes: Attributes = {}, ...children: ReadonlyArray<Child>): Markup => {
  const written = Object.entries(attributes).flatMap(([attribute, value]) =>
    value === undefined ? [] : [` ${attribute}="${escape(String(typeof value === "number" ? round(value) : value))}"`]
  )
  const head = `<${name}${written.join("")}>`
  return new Markup(voids.has(name) ? head : `${head}${render(children)}</${name}>`)
}

/** A text in a picture. */
export const label = (style: string, x: number, y: number, text: string, anchor?: "middle" | "end"): Markup =>
  el("text", { class: style, x, y, "text-anchor": anchor }, text)

/** Several, one after the other. */
export const all = (...children: ReadonlyArray<Child>): Markup => new Markup(render(children))
