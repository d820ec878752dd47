/**
 * Removes expired rows, a page of the table at a time.
 *
 * No index finds them, because every renewal would have to write to it. Instead the collector walks the table in the
 * order of its primary key, some rows for every write, so that expired rows stay a small part of the table.
 */

import { randomBytes } from "node:crypto"
import type { AdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import type { Calls } from "./Calls.ts"
import { bytesOf, numberOf } from "./Reply.ts"
import { pageSize } from "./Statements.ts"

/** The writes between two pages. A page has ten rows for each write. */
export const writesPerPage = 100

/** The position of a walk. */
interface Position {
  readonly prefix: string
  readonly id: Uint8Array
}

const start: Position = { prefix: "", id: new Uint8Array() }

/** The result of one page. */
interface Page {
  readonly removed: number
  /** Absent at the end of the table. */
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
    // A random start: short processes that all began at one end would never reach the other.
    this.position = { prefix, id: randomBytes(32) }
  }

  /** Counts a write. After every hundred, it examines a page in the background. */
  readonly wrote = (): void => {
    this.writes++
    if (this.writes < writesPerPage || this.walking) return
    this.writes = 0
    this.walking = true
    Effect.runCallback(this.page(this.position), {
      onExit: (exit) => {
        this.walking = false
        // A failed page is tried again, some writes later.
        if (exit._tag === "Success") this.position = exit.value.next ?? start
      }
    })
  }

  /** Walks the whole table, and returns the number of rows that it removed. */
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
