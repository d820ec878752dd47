/** The size of the heap after a full collection. */
import { setImmediate as turn } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Exposes `gc`, because a test runner starts without the flag. */
const exposed = (): (() => void) => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
}

const collect: () => void = globalThis.gc === undefined ? exposed() : () => void globalThis.gc!()

/** Bytes on the heap, and those outside that belong to objects on it. */
export const heldBytes = async (): Promise<number> => {
  for (let i = 0; i < 3; i++) {
    // Lets the event loop turn first, so that finished work releases its objects.
    await turn()
    collect()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}
