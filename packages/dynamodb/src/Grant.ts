/** * The tokens of leases.
 *
 * A token also holds the instant at which the value beside the lease is gone. So `renew` and `abandon` know without a
 * read how long the item matters, and their writes have the condition that this has not changed.
 */
import { Token } from "@cache-locking/core"

/** A new token. */
export const make = (keptUntil: number | undefined): Token =>
  Token(`${crypto.randomUUID()}.${keptUntil === undefined ? "" : keptUntil.toString(36)}`)

/** The instant at which the value beside the lease is gone, if there was one; nothing for a foreign token. */
export const keptUntilOf = (token: string): number | undefined => {
  const text = token.slice(token.lastIndexOf(".") + 1)
  return /^[0-9a-z]{1,11}$/.test(text) ? Number.parseInt(text, 36) : undefined
}
