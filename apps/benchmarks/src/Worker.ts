/** A process with one contender in it: opens it, and measures when it is told to. */
import type { Probe, Setting } from "./Suite.ts"
import { suiteOf } from "./Suites.ts"

/** What a worker is started with, as one argument of JSON. */
export interface Order {
  readonly suite: string
  readonly contender: string
  readonly setting: Setting
}

export type Question = "sample" | "close"

/** To every question, and once by itself when it is open. */
export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string }

const answer = async (work: () => Promise<unknown>): Promise<void> => {
  let reply: Reply
  try {
    reply = { ok: true, value: await work() }
  } catch (error) {
    reply = { ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  process.send!(reply)
}

if (process.send !== undefined && process.argv[2] !== undefined && import.meta.filename === process.argv[1]) {
  const order = JSON.parse(process.argv[2]) as Order
  const contender = suiteOf(order.suite)?.contenders.find(({ name }) => name === order.contender)
  let probe: Probe
  process.on("message", (question: Question) =>
    answer(async () => {
      if (question === "sample") return probe.sample()
      await probe.close()
      // Whatever a peer left open must not keep the process.
      setImmediate(() => process.disconnect())
    })
  )
  process.on("disconnect", () => process.exit())
  await answer(async () => {
    probe = await contender!.open(order.setting)
  })
}
