/** For tests of an adapter that the contract does not have: short forms of calls, faults, and what calls cost. */
export * from "./testing/Calls.ts"
export { type Check, timers } from "./testing/Check.ts"
export { contend, type Part } from "./testing/Contend.ts"
export * as Faults from "./testing/Faults.ts"
export { type Recorded, type RequestLog, recorded } from "./testing/Recorded.ts"
export { type Stampede, type StampedePeer, stampede } from "./testing/Stampede.ts"
export { type Listening, listening, type Watching, watching } from "./testing/Subscriptions.ts"
export {
  answered,
  closelyWhileStalled,
  expectRecovery,
  expectUnavailable,
  type FaultSetup,
  type Network,
  stallOf,
  type UnderFaults,
  underFaults
} from "./testing/UnderFaults.ts"
