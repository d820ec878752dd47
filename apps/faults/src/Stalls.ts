/** Tells when this process did not run for a while: it was stopped, blocked, or the machine was busy. */
import { now } from "./Clock.ts"

const every = 50

/** Milliseconds more than expected that are worth telling. */
const worthTelling = 200

export const watchStalls = (told: (from: number, until: number) => void): (() => void) => {
  let last = now()
  const timer = setInterval(() => {
    const at = now()
    if (at - last > every + worthTelling) told(last, at)
    last = at
  }, every)
  timer.unref()
  return () => clearInterval(timer)
}
