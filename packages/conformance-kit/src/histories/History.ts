/** The requests of several flights for one key: the time at which each was sent, and its answer. */
import type { Acquired, Lifetime, Snapshot, Token } from "@cache-locking/core"
import { show } from "../world/Expect.ts"

/** One request. Values are short texts, each used once, so that an answer shows its origin. */
export type Request =
  | {
      readonly verb: "acquire"
      readonly owner: string
      readonly leaseFor: number
      readonly refreshWithin: number | undefined
      readonly force: boolean
    }
  /** Without a text: the value that is there begins its lifetime anew. */
  | { readonly verb: "fill"; readonly token: Token; readonly text: string | undefined; readonly lifetime: Lifetime }
  | { readonly verb: "abandon"; readonly token: Token; readonly cooldown: number; readonly text: string }
  | { readonly verb: "renew"; readonly token: Token; readonly leaseFor: number }
  | { readonly verb: "delete" }
  | { readonly verb: "put"; readonly text: string; readonly lifetime: Lifetime }
  | { readonly verb: "touch"; readonly freshFor: number }
  | { readonly verb: "read" }

/** The answer. If none came, the request may have taken effect or not. */
export type Reply =
  | { readonly verb: "acquire"; readonly answer: Acquired }
  | { readonly verb: "held"; readonly answer: boolean }
  | { readonly verb: "put" }
  | { readonly verb: "read"; readonly answer: Snapshot }
  | { readonly verb: "lost" }

/** A request, and the time in which it may have taken effect: after it was sent and before its reply came. */
export interface Event {
  readonly flight: string
  /** Milliseconds of any clock. */
  readonly sent: number
  /** The time at which the reply, or the failure, came. */
  readonly got: number
  readonly request: Request
  readonly reply: Reply
}

export type History = ReadonlyArray<Event>

const showRequest = ({ verb, ...fields }: Request): string => `${verb} ${show(fields)}`

const showReply = (reply: Reply): string =>
  reply.verb === "lost" ? "no reply" : "answer" in reply ? show(reply.answer) : "done"

/** One line per event, in the order of sending. */
export const format = (history: History): string => {
  const start = Math.min(...history.map((event) => event.sent))
  const time = (at: number): string => (at - start).toFixed(1).padStart(8)
  return history
    .toSorted((a, b) => a.sent - b.sent)
    .map(
      ({ flight, got, reply, request, sent }) =>
        `${time(sent)} ${time(got)}  ${flight.padEnd(8)} ${showRequest(request)} -> ${showReply(reply)}`
    )
    .join("\n")
}
