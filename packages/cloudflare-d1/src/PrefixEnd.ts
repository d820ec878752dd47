/**
 * Where the keys that begin with a prefix end.
 */

const last = 0x10ffff

/** The least text after all that begins with the prefix, in the order of UTF-8; nothing where there is no end. */
export const prefixEnd = (prefix: string): string | undefined => {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!)
  while (points.at(-1) === last) points.pop()
  const end = points.pop()
  if (end === undefined) return undefined
  // Half of a surrogate pair is no character.
  const next = end === 0xd7ff ? 0xe000 : end + 1
  return String.fromCodePoint(...points, next)
}
