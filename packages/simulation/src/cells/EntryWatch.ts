/**
 * Looks at the entries of a simulated store.
 */
import { Check, type Entry } from "@cache-locking/core"
import { type EntryEvent, type EntryState, entryStateOf } from "./Cells.ts"
import * as Reached from "./Reached.ts"

/** The state in which a move left an entry. */
const leftIn = new WeakMap<Entry.Entry, EntryState>()

type Decide<A> = (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>

/** A move of a key's entry, looked at. */
export const move = <A>(verb: string, key: string, decide: Decide<A>): Decide<A> => {
  // A read changes nothing, and the records of tags are not the values of a key.
  if (!Reached.isLooking() || verb === "read" || Check.isReserved(key)) return decide
  return (entry, now) => {
    const before = entryStateOf(entry, now)
    const left = entry === undefined ? before : leftIn.get(entry)
    if (left !== undefined && left !== before) Reached.entryMoved(left, "time passes", before)
    const made = decide(entry, now)
    const [answer, next] = made
    const after = entryStateOf(next, now)
    if (next !== undefined) leftIn.set(next, after)
    const named = (answer as { readonly _tag?: string } | undefined)?._tag ?? answer ?? "done"
    Reached.entryMoved(before, `${verb === "delete" ? "remove" : verb} → ${String(named)}` as EntryEvent, after)
    return made
  }
}
