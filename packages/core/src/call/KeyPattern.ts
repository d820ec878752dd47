/**
 * Patterns of keys: `*` stands for any text, `?` for one character, `\` makes the next character itself.
 *
 * Keys are no paths, so nothing is special about `/` or a leading dot; and nothing becomes a regular expression.
 */

type Part = string | typeof any | typeof one

const any = Symbol("any text")
const one = Symbol("one character")

/** A pattern, read. */
export interface KeyPattern {
  /** What every key that matches begins with. */
  readonly prefix: string
  readonly matches: (key: string) => boolean
}

/** Every key that begins so. */
export const startingWith = (prefix: string): KeyPattern => ({ prefix, matches: (key) => key.startsWith(prefix) })

/** Reads a pattern. */
export const parse = (pattern: string): KeyPattern => {
  const parts: Array<Part> = []
  const characters = [...pattern]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!
    if (character === "*") parts.push(any)
    else if (character === "?") parts.push(one)
    else parts.push(character === "\\" ? (characters[++at] ?? character) : character)
  }
  const wild = parts.findIndex((part) => typeof part !== "string")
  const prefix = parts.slice(0, wild === -1 ? parts.length : wild).join("")
  return { prefix, matches: (key) => match(parts, [...key]) }
}

/** Goes back to the last `*` only, so it takes at most the product of the lengths. */
const match = (parts: ReadonlyArray<Part>, key: ReadonlyArray<string>): boolean => {
  let part = 0
  let at = 0
  let star = -1
  let resume = 0
  while (at < key.length) {
    if (parts[part] === any) {
      star = part++
      resume = at
    } else if (part < parts.length && (parts[part] === one || parts[part] === key[at])) {
      part++
      at++
    } else if (star >= 0) {
      part = star + 1
      at = ++resume
    } else return false
  }
  while (parts[part] === any) part++
  return part === parts.length
}
