/** The messages between the parent of a history and its worker processes. */
import type { Protocol } from "../../src/ipc/Channel.ts"
import type { Address } from "../../src/stores/Store.ts"

/** The keys: groups that share a prefix and a tag. */
export const groups: ReadonlyArray<string> = ["a", "b", "c"]
export const keysOf = (group: string): ReadonlyArray<string> => [0, 1, 2].map((i) => `${group}:${i}`)
export const keys: ReadonlyArray<string> = groups.flatMap(keysOf)
export const groupOf = (key: string): string => key.slice(0, key.indexOf(":"))

/** The version of each key at the origin. */
export type Versions = Readonly<Record<string, number>>

/** Rows that were changed, and are locked. */
export interface Change {
  readonly id: number
  readonly versions: Versions
}

/** The oldest version of a key that a cache may still give. */
export interface Floor {
  /** The version whose invalidation had ended when this was asked. */
  readonly now: number
  /** The version whose invalidation had ended some time before. */
  readonly before: number
}

/** The part of a process in a history. */
export interface Part {
  readonly hits: number
  readonly waits: number
  /** Violations of the rules that must always hold. */
  readonly wrong: ReadonlyArray<string>
}

export interface Start {
  readonly store: string
  readonly address: Address
  readonly prefix: string
  readonly seed: number
  readonly near: boolean
}

export interface ToWorker extends Protocol {
  readonly asks: {
    readonly run: readonly [Start, Part]
    /** For each key, the version that is left in the store, and whether it is leased. */
    readonly look: readonly [
      undefined,
      ReadonlyArray<{ readonly version: number | undefined; readonly leased: boolean }>
    ]
    readonly close: readonly [undefined, undefined]
  }
  readonly tells: { readonly stop: undefined }
}

export interface ToOrigin extends Protocol {
  readonly asks: {
    /** The current versions. */
    readonly read: readonly [ReadonlyArray<string>, Versions]
    /** Changes rows, which are locked until `changed`. */
    readonly change: readonly [ReadonlyArray<string>, Change]
    /** `known`: every cache has got a report of the change. */
    readonly changed: readonly [{ readonly change: Change; readonly known: boolean }, undefined]
    readonly floors: readonly [ReadonlyArray<string>, Readonly<Record<string, Floor>>]
  }
  readonly tells: {}
}
