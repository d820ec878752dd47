/**
 * Which rows an adapter works on: a table, a prefix in it, and the channel on which their changes are told.
 */
import { createHash } from "node:crypto"
import type { Adapter } from "@cache-locking/core"

/** Which adapter this is, and what it cannot do. */
export const here: Pick<Adapter, "name" | "limits"> = {
  name: "postgres",
  limits: { keyBytes: 65_536, valueBytes: 8 * 1024 * 1024, tick: 1, clock: "store" }
}

/** The names, as they were given. */
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

/** An identifier, as SQL reads it whatever is in it. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The space of these names. */
export const make = (names: Names): Space => {
  const { prefix, schema, table } = names
  const hash = createHash("sha256")
    .update(JSON.stringify([schema, table, prefix]))
    .digest("hex")
  return { names, prefix, table: `${quote(schema)}.${quote(table)}`, channel: `cache_locking_${hash.slice(0, 32)}` }
}
