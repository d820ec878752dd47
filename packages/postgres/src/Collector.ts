/**
 * Removes rows that have ended, a page of the table at a time.
 *
 * There is no index to find them by: it would make every renewal write to it. Instead the table is walked in the
 * order of its primary key, some rows for every write, so that what has ended stays a small part of what is there.
 */

import { randomBytes } from "node:crypto"
import type { AdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Calls } from "./Calls.ts"
import { bytesOf, numberOf } from "./Reply.ts"
import { pageSize } from "./Statements.ts"

/** A page is looked through for every so many writes: ten rows for each. */
export const writesPerPage = 100

/** Where a walk is. */
interface Position {
  readonly prefix: string
  readonly id: Uint8Array
}

const start: Position = { prefix: "", id: new Uint8Array() }

/** What one page had. */
interface Page {
  readonly removed: number
  /** Nothing when the end of the table was reached. */
  readonly next: Position | undefined
}

export class Collector {
  private readonly calls: Calls
  private readonly text: string
  private position: Position
  private writes = 0
  private walking = false

  constructor(calls: Calls, text: string, prefix: string) {
    this.calls = calls
    this.text = text
    // Somewhere: short processes that all began at one end would never see the other.
    this.position = { prefix, id: randomBytes(32) }
  }

  /** Something was written. Now and then a page is looked through, and nobody waits for it. */
  readonly wrote = (): void => {
    this.writes++
    if (this.writes < writesPerPage || this.walking) return
    this.writes = 0
    this.walking = true
    Effect.runCallback(this.page(this.position), {
      onExit: (exit) => {
        this.walking = false
        // After a failure the same page is tried again, some writes later.
        if (exit._tag === "Success") this.position = exit.value.next ?? start
      }
    })
  }

  /** Walks the whole table; answers how many rows it removed. */
  readonly all: Effect.Effect<number, AdapterError> = Effect.suspend(() => this.from(start, 0))

  private from(position: Position, before: number): Effect.Effect<number, AdapterError> {
    return Effect.flatMap(this.page(position), ({ next, removed }) =>
      next === undefined ? Effect.succeed(before + removed) : this.from(next, before + removed)
    )
  }

  private page(after: Position): Effect.Effect<Page, AdapterError> {
    return this.calls.statement("deleteMany", undefined, this.text, [after.prefix, after.id], ([row]) => {
      if (row === undefined) return Effect.succeed({ removed: 0, next: undefined })
      const [removed, prefix, id, met] = row
      const next = { prefix: prefix!.toString(), id: bytesOf(id!) }
      return Effect.succeed({ removed: numberOf(removed), next: numberOf(met) < pageSize ? undefined : next })
    })
  }
}
