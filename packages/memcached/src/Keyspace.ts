/**
 * Names in Memcached for keys of a cache.
 *
 * A key `k` with the prefix `p` is the item `p{k}` if that is short and printable, otherwise `p#` and the SHA-256 of
 * the key. A prefix has no braces, and all that follows `#` has a fixed length: two keys never share a name, and neither do
 * two prefixes.
 */
import { hash } from "node:crypto"
import { Check } from "@cache-locking/core"

/** Memcached's own limit. */
const nameBytes = 250

/** `#` and 43 characters of base64url. */
const hashedBytes = 44

/** 64 KiB of UTF-8. Hash longer keys yourself. */
export const keyBytes = 65_536

const prefixBytes = 128

/** Some tools, or the text protocol, reject every other byte. */
const printable = /^[\x21-\x7e]*$/

/** The prefix, checked. */
export const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, "cache")
  if (prefix.length <= prefixBytes && printable.test(prefix) && !/[{}]/.test(prefix)) return prefix
  throw Check.invalid(
    "prefix",
    prefix,
    `at most ${prefixBytes} printable ASCII characters, without spaces and without braces`
  )
}

/** The name of a key's item: ASCII, at most 250 bytes. */
export const nameOf = (prefix: string, key: string): string => {
  if (prefix.length + key.length + 2 <= nameBytes && printable.test(key)) return `${prefix}{${key}}`
  return `${prefix}#${hash("sha256", key, "base64url")}`
}

/** The longest name possible, for the size of an item. */
export const longestName = Math.max(nameBytes, prefixBytes + hashedBytes)
