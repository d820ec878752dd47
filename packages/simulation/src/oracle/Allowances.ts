/**
 * The times that several rules allow: faults, messages, clocks.
 */
import type { Call, History } from "../History.ts"
import type * as Story from "../Story.ts"

/** Milliseconds that scheduling may cost: the steps of the simulation, and pauses between checks. */
export const slack = 60

/** Milliseconds by which the clocks that judge lifetimes and leases may disagree. */
export const disagreement = ({ events, store }: Story.Story): number =>
  store === "client-clock" ? events.reduce((sum, event) => sum + (event.do === "step" ? Math.abs(event.by) : 0), 0) : 0

/** Milliseconds of faults within a span: those of one process and of the store, or those of all. */
export const faultsWithin = ({ faults }: History, from: number, until: number, process: number | undefined): number =>
  faults
    .filter((fault) => process === undefined || fault.process === undefined || fault.process === process)
    .reduce((sum, fault) => sum + (fault.from <= until && fault.until >= from ? fault.until - fault.from : 0), 0)

/** True when the process of a call dies or closes its cache. */
export const ended = (story: Story.Story, call: Call): boolean =>
  story.events.some((event) => (event.do === "kill" || event.do === "close") && event.process === call.process)

/** A call, as the beginning of a sentence. */
export const asked = ({ key, process, startedAt }: Call): string =>
  `process ${process} asked for ${key} at ${startedAt} ms`
