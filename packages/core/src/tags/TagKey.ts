/**
 * Where a tag's record lies in the store: an ordinary key, behind a character that no cache key may begin with.
 */

/** What the keys of this library's own records begin with. */
export const reserved = "\u0001"

const prefix = `${reserved}tag:`

/** The key of the record that changes with every invalidation of any tag. */
export const epochKey = `${reserved}epoch`

/** The key of a tag's record. */
export const tagKey = (tag: string): string => prefix + tag

/** The tag whose record lies at a key, if it is one. */
export const tagOf = (key: string): string | undefined =>
  key.startsWith(prefix) ? key.slice(prefix.length) : undefined
