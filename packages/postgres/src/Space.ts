/**
 * The rows of an adapter: a table, a prefix in it, and the channel of their changes.
 */
import { createHash } from "node:crypto"
import type { Adapter } from "@cache-locking/core"

/** The adapter's name and limits. */
export const here: Pick<Adapter, "name" | "limits"> = {
  name: "postgres",
  limits: { keyBytes: 65_536, valueBytes: 8 * 1024 * 1024, tick: 1, clock: "store" }
}

/** The names as given. */
export interface Names {
  readonly schema: string
  readonly table: string
  readonly prefix: string
}

/** One table with one prefix. */
export interface Space {
  readonly names: Names
  readonly prefix: string
  /** Schema and table, quoted. */
  readonly table: string
  /** Nothing but letters, digits and underscores: a name that needs no quotes and has a length that Postgres takes. */
  readonly channel: string
}

/** A quoted identifier, safe for any text. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The space with these names. */
export const make = (names: Names): Space => {
  const { prefix, schema, table } = names
  const hash = createHash("sha256")
    .update(JSON.stringify([schema, table, prefix]))
    .digest("hex")
  return { names, prefix, table: `${quote(schema)}.${quote(table)}`, channel: `cache_locking_${hash.slice(0, 32)}` }
}
