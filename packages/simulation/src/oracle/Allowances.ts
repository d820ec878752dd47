/**
 * The times that several rules allow: faults, messages, clocks.
 */
import type { Call, Fault, History } from "../story/History.ts"
import * as Story from "../story/Story.ts"

/** Milliseconds that scheduling may cost: the steps of the simulation, and pauses between checks. */
export const slack = 60

/** Milliseconds by which the clocks that judge lifetimes and leases may disagree. */
export const disagreement = ({ events, store }: Story.Story): number =>
  store === "client-clock" ? events.reduce((sum, event) => sum + (event.do === "step" ? Math.abs(event.by) : 0), 0) : 0

/** Milliseconds of faults within a span: those of one process and of the store, or those of all; of all kinds, or of some. */
export const faultsWithin = (
  { faults }: History,
  from: number,
  until: number,
  process: number | undefined,
  counts: (fault: Fault) => boolean = () => true
): number =>
  faults
    .filter((fault) => process === undefined || fault.process === undefined || fault.process === process)
    .filter(counts)
    .reduce((sum, fault) => sum + (fault.from <= until && fault.until >= from ? fault.until - fault.from : 0), 0)

/** True when the process of a call dies or closes its cache, or when its request is cut off. */
export const ended = ({ events }: Story.Story, { process, request }: Call): boolean =>
  events.some(
    (event) =>
      (event.do === "kill" || event.do === "close" || (event.do === "cut" && event.request === request)) &&
      event.process === process
  )

/** A call, as the beginning of a sentence. */
export const asked = ({ key, process, startedAt }: Call): string =>
  `process ${process} asked for ${key} at ${startedAt} ms`

/**
 * True when a write of a process that may have begun by an instant arrives a second time at a later one, or after it. The
 * processes of a store of conditional writes send one kind of write.
 */
export const arrivesTwice = (
  story: Story.Story,
  process: number,
  write: "acquire" | "put",
  { from, until }: { readonly from: number; readonly until: number },
  at: number
): boolean => {
  const verbs = ["any", story.store === "client-clock" ? "fill" : write]
  return story.events.some(
    (event) =>
      event.do === "double" &&
      event.process === process &&
      verbs.includes(event.verb) &&
      event.at <= until &&
      event.at + event.for >= from &&
      event.at + event.for + event.by + 2 * Story.longestDelay(story) + slack >= at
  )
}
