export { type Case, type Need, prove, type Steps } from "./Case.ts"
export { cases, casesOf } from "./Cases.ts"
export { type Capability, type Claims, capabilities, type Facts, factsOf } from "./Claims.ts"
export { type CheckOptions, check } from "./Conformance.ts"
export * as Faults from "./Faults.ts"
export type { Event, History, Reply, Request } from "./History.ts"
export { type Law, type LawId, lawOf, laws, titleOf } from "./Law.ts"
export { type Explanation, explain } from "./Linearization.ts"
export * as Report from "./Report.ts"
export {
  type OpenedPeers,
  type Peers,
  peersOf,
  type Records,
  type Setup,
  type Stall,
  type StoredRecord
} from "./Setup.ts"
export { Inconclusive, NotApplicable, type Verdict, Violation } from "./Verdict.ts"
