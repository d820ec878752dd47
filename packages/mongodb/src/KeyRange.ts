/**
 * Keys that begin with a text, as a range: strings are in the order of their code points.
 */

/** A condition on `_id`. */
export interface KeyRange {
  readonly $gte?: string
  readonly $gt?: string
  readonly $lt?: string
}

const lastPoint = 0x10ffff
const surrogates = { first: 0xd800, last: 0xdfff } as const

/** The code point after a point. */
const next = (point: number): number => (point + 1 === surrogates.first ? surrogates.last + 1 : point + 1)

/** The least text that is greater than all that begin with the prefix, if there is one. */
const end = (prefix: string): string | undefined => {
  const points = Array.from(prefix, (char) => char.codePointAt(0)!)
  while (points.at(-1) === lastPoint) points.pop()
  const last = points.pop()
  return last === undefined ? undefined : String.fromCodePoint(...points, next(last))
}

/** All keys that begin with the prefix; nothing if no key can. */
export const of = (prefix: string): KeyRange | undefined => {
  if (!prefix.isWellFormed()) return undefined
  const $lt = end(prefix)
  return { $gte: prefix, ...($lt !== undefined && { $lt }) }
}

/** The rest of a range after a key. */
export const after = ({ $lt }: KeyRange, key: string): KeyRange => ({ $gt: key, ...($lt !== undefined && { $lt }) })
