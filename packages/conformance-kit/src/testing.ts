/** For an adapter's tests beyond the contract: short forms of calls, faults, and the cost of calls. */
export * from "./testing/Calls.ts"
export { type Check, timers } from "./testing/Check.ts"
export { contend, type Part } from "./testing/Contend.ts"
export * as Faults from "./testing/Faults.ts"
export { namesApart } from "./testing/NamesApart.ts"
export { type Recorded, type RequestLog, recorded } from "./testing/Recorded.ts"
export { keepsSecrets } from "./testing/Secrets.ts"
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
