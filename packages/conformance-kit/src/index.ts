export { cases, casesOf } from "./cases/Cases.ts"
export type { Event, History, Reply, Request } from "./histories/History.ts"
export { type Explanation, explain } from "./histories/Linearization.ts"
export { type CheckOptions, check } from "./session/Conformance.ts"
export * as Report from "./session/Report.ts"
export * as Faults from "./testing/Faults.ts"
export { type Case, type Need, prove, type Steps } from "./world/Case.ts"
export { type Capability, type Claims, capabilities, type Facts, factsOf } from "./world/Claims.ts"
export { type Law, type LawId, lawOf, laws, titleOf } from "./world/Law.ts"
export {
  type OpenedPeers,
  type Peers,
  peersOf,
  type Records,
  type Setup,
  type Stall,
  type StoredRecord
} from "./world/Setup.ts"
export { Inconclusive, NotApplicable, type Verdict, Violation } from "./world/Verdict.ts"
