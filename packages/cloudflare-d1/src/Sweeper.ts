/**
 * Walks the table again and again, a page at a time, and removes expired rows.
 *
 * An index by expiry would cost a row written with every write; a page read costs a thousandth of one. Every few
 * writes carry the next page along, in the same request.
 */
import type { Bound } from "./D1Binding.ts"
import { type Statements, sweepRows } from "./Statements.ts"

/** One write in this many carries a page. */
export const sweepEvery = 8

/** The sweeps of one table in this isolate. */
export class Sweeper {
  /**
   * A random start: an isolate may make fewer writes than that in its lifetime, and all isolates together must still
   * sweep. It is chosen at the first write, because a Worker has no random numbers before its first request.
   */
  private writes: number | undefined
  /** The last key examined. Absent before the first sweep, which begins at the key being written. */
  private after: string | undefined

  /** The statements that a write of the key carries along: mostly none. */
  statements(statements: Statements, key: string): ReadonlyArray<Bound> {
    this.writes = (this.writes ?? Math.floor(Math.random() * sweepEvery)) + 1
    if (this.writes % sweepEvery !== 0) return []
    this.after ??= key
    return page(statements, this.after)
  }

  /** Receives the answers of those statements. */
  swept(answers: ReadonlyArray<ReadonlyArray<unknown>>): void {
    if (answers.length === 2) this.after = nextOf(answers) ?? ""
  }
}

/** A page of the table after that key. */
export const page = (statements: Statements, after: string): ReadonlyArray<Bound> => [
  [statements.sweepPage, after],
  [statements.sweep, after]
]

/** The key before the next page; nothing at the table's end. */
export const nextOf = (answers: ReadonlyArray<ReadonlyArray<unknown>>): string | undefined => {
  const { last, looked } = answers[0]![0] as { readonly last: string | null; readonly looked: number }
  return looked < sweepRows || last === null ? undefined : last
}
