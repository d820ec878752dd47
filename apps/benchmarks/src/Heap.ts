/** What the heap holds after everything that can be collected was. */
import { setImmediate as turn } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Under a test runner nobody gave the flag. */
const exposed = (): (() => void) => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
}

const collect: () => void = globalThis.gc === undefined ? exposed() : () => void globalThis.gc!()

/** Bytes on the heap and outside of it, on the heap's account. */
export const heldBytes = async (): Promise<number> => {
  for (let i = 0; i < 3; i++) {
    // What hangs on a finished turn is let go first.
    await turn()
    collect()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}
