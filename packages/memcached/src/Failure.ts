/** * The meaning of the client's errors and the server's statuses. */
import { type AdapterError, Failures, type Operation } from "@cache-locking/core"
import { status } from "./Requests.ts"

const words: Readonly<Record<number, string>> = {
  [status.tooLarge]: "the server takes no item that large (its option -I)",
  [status.invalid]: "the server calls the request invalid",
  [status.notStored]: "the server did not store the item",
  [status.authentication]: "the server refused the credentials",
  [status.unknown]: "the server does not know the command: it may not speak the binary protocol",
  [status.outOfMemory]: "the server is out of memory",
  [status.busy]: "the server is busy",
  [status.temporary]: "the server calls the failure temporary"
}

/** The verdicts about statuses. Every other one may pass. */
const known = Failures.table({
  throttled: [status.busy, status.temporary],
  final: [status.tooLarge, status.invalid, status.authentication, status.unknown]
})

/** memjs reports refused credentials as a bare string. All its errors concern the connection. */
export const failures = Failures.make({
  adapter: "memcached",
  words: (error) => (typeof error === "string" ? words[status.authentication]! : Failures.wordsOf(error)),
  verdict: (error) => (typeof error === "string" ? "final" : "passes")
})

/** An error that the server replied. */
export const refused = (operation: Operation, key: string | undefined, code: number): AdapterError => {
  const message = words[code] ?? `the server answered with status 0x${code.toString(16)}`
  const verdict = known(code)
  if (verdict === "final") return failures.rejected(operation, key, message)
  return verdict === "throttled"
    ? failures.throttled(operation, key, message)
    : failures.unavailable(operation, key, message, true)
}
