/**
 * The timers that this process has, for tests of what is left behind.
 */
import { setTimeout as pause } from "node:timers/promises"

export const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length

/** Waits until there are no more than that; answers how many there are then, or when the time is over. */
export const timersDownTo = async (most: number, within = 60_000): Promise<number> => {
  const until = performance.now() + within
  // A poll that has a timer of its own while it counts would count that, too.
  while (timers() > most && performance.now() < until) await pause(20)
  return timers()
}
