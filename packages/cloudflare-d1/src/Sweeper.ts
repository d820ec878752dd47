/**
 * Goes round the table, a page at a time, and removes what is over.
 *
 * An index by expiry would cost a row written with every write; a page read costs a thousandth of one. Every so many
 * writes carry the next page along, in the same request.
 */
import type { Bound } from "./D1Binding.ts"
import { type Statements, sweepRows } from "./Statements.ts"

/** Of so many writes one carries a page. */
export const sweepEvery = 8

/** The sweeps of one table in this isolate. */
export class Sweeper {
  /**
   * Begins anywhere: an isolate may write less often than that in its life, and all of them together are to sweep all
   * the same. Chosen at the first write, for a Worker draws no lots before it is asked.
   */
  private writes: number | undefined
  /** The last key that was looked at; nothing before the first sweep, which begins at the key that is written. */
  private after: string | undefined

  /** What a write of the key carries along: nothing, mostly. */
  statements(statements: Statements, key: string): ReadonlyArray<Bound> {
    this.writes = (this.writes ?? Math.floor(Math.random() * sweepEvery)) + 1
    if (this.writes % sweepEvery !== 0) return []
    this.after ??= key
    return page(statements, this.after)
  }

  /** Told what the statements answered. */
  swept(answers: ReadonlyArray<ReadonlyArray<unknown>>): void {
    if (answers.length === 2) this.after = nextOf(answers) ?? ""
  }
}

/** A page of the table after that key. */
export const page = (statements: Statements, after: string): ReadonlyArray<Bound> => [
  [statements.sweepPage, after],
  [statements.sweep, after]
]

/** The key after which the next page begins; nothing at the table's end. */
export const nextOf = (answers: ReadonlyArray<ReadonlyArray<unknown>>): string | undefined => {
  const { last, looked } = answers[0]![0] as { readonly last: string | null; readonly looked: number }
  return looked < sweepRows || last === null ? undefined : last
}
