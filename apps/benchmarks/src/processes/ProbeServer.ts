/** The other end of a `Child`: a process that opens a probe, and measures on request. */
import type { Probe } from "../Suite.ts"

export type Question = "sample" | "close"

/**
 * The reply to every request, and once without a request when the probe is open. The name distinguishes it from other
 * messages on the channel.
 */
export type Reply = { readonly probe: "reply" } & (
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string }
)

const answer = async (work: () => Promise<unknown>): Promise<void> => {
  let reply: Reply
  try {
    reply = { probe: "reply", ok: true, value: await work() }
  } catch (error) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
    reply = { probe: "reply", ok: false, error: words }
  }
  process.send!(reply)
}

/** Opens the probe and answers until it is closed. */
export const serveProbe = async (open: () => Promise<Probe>): Promise<void> => {
  let probe: Probe
  process.on("message", (question: unknown) => {
    if (question === "sample") void answer(() => probe.sample())
    else if (question === "close") {
      void answer(async () => {
        await probe.close()
        // A connection that a peer left open must not keep the process alive.
        setImmediate(() => process.disconnect())
      })
    }
  })
  process.on("disconnect", () => process.exit())
  await answer(async () => {
    probe = await open()
  })
}
