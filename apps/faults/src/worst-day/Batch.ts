/** A large batch of new keys over a network whose answers are late: the second table of the page. */
import type { BackendName } from "../backends/Backends.ts"
import { open } from "./Callers.ts"
import type { BatchAnswer, BatchLeft } from "./Messages.ts"
import { late, lateMessages } from "./Network.ts"

export interface BatchSize {
  readonly keys: number
  /** Milliseconds that each answer is late. */
  readonly late: number
}

export const batchSizes: ReadonlyArray<BatchSize> = [
  { keys: 1_000, late: 150 },
  { keys: 3_000, late: 50 },
  { keys: 3_000, late: 150 }
]

export interface BatchRow extends BatchSize, BatchAnswer, BatchLeft {
  readonly store: BackendName
}

/** What a caller with all defaults gets. Rejects with `Unavailable` where there is no server to be had. */
export const measureBatch = async (
  store: BackendName,
  { keys, late: millis }: BatchSize
): Promise<{ readonly title: string; readonly row: BatchRow }> => {
  await using stack = new AsyncDisposableStack()
  const { stage, start, title } = await open(stack, store, ["fail"])
  const trouble = (store === "cluster" ? lateMessages : late)(millis)(stage)
  const [caller] = await start()
  await trouble.begin()
  const { batch } = await caller!.ask({ do: "batch", keys }, "batch")
  await trouble.end()
  const { left } = await caller!.ask({ do: "look" }, "look")
  const failure = await caller!.close()
  const unhandled = failure === undefined ? left.unhandled : [...left.unhandled, failure]
  return { title, row: { store, keys, late: millis, ...batch, ...left, unhandled } }
}
