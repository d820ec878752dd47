/**
 * Shrinks a story to the few events that matter: delta debugging, after Zeller and Hildebrandt (2002), by halves.
 */
import type { Event, Story } from "./Story.ts"

/** The shortest story found that still fails. */
export const shrink = async (story: Story, fails: (story: Story) => Promise<boolean>): Promise<Story> => {
  let best = story
  for (let parts = 2; ; ) {
    const { events } = best
    const size = Math.ceil(events.length / parts)
    let smaller: ReadonlyArray<Event> | undefined
    for (let from = 0; from < events.length && smaller === undefined; from += size) {
      const rest = [...events.slice(0, from), ...events.slice(from + size)]
      if (await fails({ ...best, events: rest })) smaller = rest
    }
    if (smaller !== undefined) {
      best = { ...best, events: smaller }
      parts = Math.max(2, parts - 1)
    } else if (size <= 1) return best
    else parts = Math.min(events.length, parts * 2)
  }
}
