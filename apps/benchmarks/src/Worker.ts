/** A process with one contender in it. */
import { serveProbe } from "./processes/ProbeServer.ts"
import type { Setting } from "./Suite.ts"
import { suiteOf } from "./Suites.ts"

/** The settings of a worker, as one argument of JSON. */
export interface Order {
  readonly suite: string
  readonly contender: string
  readonly setting: Setting
}

if (process.send !== undefined && process.argv[2] !== undefined && import.meta.filename === process.argv[1]) {
  const order = JSON.parse(process.argv[2]) as Order
  const contender = suiteOf(order.suite)?.contenders.find(({ name }) => name === order.contender)
  await serveProbe(() => contender!.open(order.setting))
}
