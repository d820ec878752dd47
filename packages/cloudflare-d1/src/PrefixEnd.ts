/**
 * The end of the keys that begin with a prefix.
 */

const last = 0x10ffff

/** The least text after all keys with the prefix, in the order of UTF-8; nothing if there is none. */
export const prefixEnd = (prefix: string): string | undefined => {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!)
  while (points.at(-1) === last) points.pop()
  const end = points.pop()
  if (end === undefined) return undefined
  // The code points of surrogates are not characters.
  const next = end === 0xd7ff ? 0xe000 : end + 1
  return String.fromCodePoint(...points, next)
}
