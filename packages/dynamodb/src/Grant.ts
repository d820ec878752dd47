/**
 * Tokens of leases.
 *
 * Beside what makes it unique, a token tells when the value that lay beside the lease at its grant is gone. So who
 * renews or abandons knows until when the item matters without a read; that it is still so is a condition of the write.
 */
import { Token } from "@cache-locking/core"

/** A token that was never given. */
export const make = (keptUntil: number | undefined): Token =>
  Token(`${crypto.randomUUID()}.${keptUntil === undefined ? "" : keptUntil.toString(36)}`)

/** When the value beside it is gone, if there was one; nothing of a token that is none of ours. */
export const keptUntilOf = (token: string): number | undefined => {
  const text = token.slice(token.lastIndexOf(".") + 1)
  return /^[0-9a-z]{1,11}$/.test(text) ? Number.parseInt(text, 36) : undefined
}
