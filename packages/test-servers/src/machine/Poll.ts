import { setTimeout as sleep } from "node:timers/promises"

export interface PollOptions {
  /** Names the condition in the error message. */
  readonly what: string
  /** Milliseconds after which to give up. The default is two minutes, which only a hang takes. */
  readonly within?: number
  readonly every?: number
}

type Answer<A> = Exclude<Awaited<A>, undefined | false>

/**
 * Asks until the answer is neither `undefined` nor `false`, and returns it. An error of one attempt counts as "not
 * yet". The last error is the cause of the failure when time is up.
 */
export const poll = async <A>(attempt: () => A, options: PollOptions): Promise<Answer<A>> => {
  const { what, within = 120_000 } = options
  const deadline = performance.now() + within
  let last: unknown
  for (;;) {
    try {
      const answer = await attempt()
      if (answer !== undefined && answer !== false) return answer as Answer<A>
    } catch (error) {
      last = error
    }
    if (performance.now() >= deadline) {
      throw new Error(`gave up waiting for ${what} after ${within} ms`, { cause: last })
    }
    await sleep(options.every ?? 10)
  }
}
