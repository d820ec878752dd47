/**
 * Names in Redis for keys of a cache.
 *
 * A key `k` with the prefix `p` is the string `p{k}` and, while a flight leads or the key cools down, `p{k}:lease`. The
 * braces are the hash tag that puts both into one slot of a cluster. The prefix has no braces, and a `}` in the key is
 * escaped. So the tag is always the whole key, and neither two keys nor two prefixes ever share a name.
 */
import type { Adapter } from "@cache-locking/core"
import { headerBytes } from "./StoredValue.ts"

/** 64 KiB of UTF-8. Redis takes far longer names, but each costs memory. */
const keyBytes = 65_536

/** Redis holds no string above 512 MiB (`proto-max-bulk-len`), which includes the header. */
const valueBytes = 536_870_912 - headerBytes

/** The adapter's name and limits. */
export const here: Pick<Adapter, "name" | "limits"> = {
  name: "redis",
  limits: { keyBytes, valueBytes, tick: 1, clock: "store" }
}

/** Stands for the empty key. Redis ignores an empty hash tag. */
const empty = "%"

const escaped = (key: string): string =>
  key.includes("}") || key.includes("%") ? key.replace(/[%}]/g, (char) => (char === "%" ? "%25" : "%7D")) : key

const unescaped = (tag: string): string =>
  tag.includes("%") ? tag.replace(/%(25|7D)/g, (_, code) => (code === "25" ? "%" : "}")) : tag

const glob = (text: string): string => text.replace(/[\\*?[\]]/g, "\\$&")

/** The name of the value's key. */
export const nameOf = (prefix: string, key: string): string => `${prefix}{${key === "" ? empty : escaped(key)}}`

/** The name of the lease's key, from that of the value's. The same makes a pattern of leases from one of values. */
export const leaseOf = (name: string): string => `${name}:lease`

/** The pattern of the names of values whose keys begin with `start`; their channels have the same names. */
export const patternOf = (prefix: string, start: string): string => `${glob(`${prefix}{${escaped(start)}`)}*}`

/** The key behind the name of a value. */
export const keyOf = (prefix: string, name: string): string => {
  const tag = name.slice(prefix.length + 1, name.lastIndexOf("}"))
  return tag === empty ? "" : unescaped(tag)
}
