/** * The meaning of KV's errors. */
import { Failures } from "@cache-locking/core"

/** The name in errors and metrics. */
export const name = "cloudflare-kv"

/** `KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.` */
const status = /^KV \w+ failed: (\d{3})\b/

export const failures = Failures.make({
  adapter: name,
  words: (error) => Failures.wordsOf(error, "KV did not answer"),
  // A wrong request stays wrong. Too many requests, and failures of KV itself, may be temporary.
  verdict: (_, words) => {
    const code = Number(status.exec(words)?.[1])
    if (code === 429) return "throttled"
    return code >= 400 && code < 500 && code !== 408 ? "final" : "passes"
  },
  // KV takes one write a second of each key.
  pause: 1_000
})
