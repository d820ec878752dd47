/** Watches for what would end a process: an exception that nobody caught, a rejection that nobody handled. */
import { afterEach, assert, beforeEach, vi } from "@effect/vitest"

/** Fails each test of a file after which the process would have ended. Its warnings, which are meant, are not shown. */
export const watchProcessEnds = (): void => {
  const ends: Array<unknown> = []
  const note = (error: unknown) => void ends.push(error)

  beforeEach(() => {
    ends.length = 0
    vi.spyOn(console, "log").mockImplementation(() => {})
    process.on("unhandledRejection", note)
    process.on("uncaughtException", note)
  })

  afterEach(async () => {
    // Unhandled rejections are reported after the microtasks of a turn.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    process.off("unhandledRejection", note)
    process.off("uncaughtException", note)
    vi.restoreAllMocks()
    // Not shown: they may throw when they are touched.
    assert.strictEqual(ends.length, 0, "the process would have ended")
  })
}
