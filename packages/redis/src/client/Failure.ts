/**
 * The meaning of a client's errors.
 */
import { Failures } from "@cache-locking/core"

/** The verdicts about the codes of replies. Every other failure may pass: a connection, a restart, a failover. */
const known = Failures.table({
  // Only a plain read can meet a record of another type. The script, which comes next, finds no value there.
  passes: ["WRONGTYPE"],
  // The keys of a script are moving to another node.
  throttled: ["TRYAGAIN"],
  final: ["ERR", "NOPERM", "NOAUTH", "WRONGPASS", "CROSSSLOT", "NOPROTO", "DENIED"]
})

/**
 * What servers before version 7 put before an error that a script met, whose own code follows behind a `-`, or bare:
 * `ERR Error running script (call to f_…): @user_script:7: @user_script: 7: -READONLY You can't write …`
 */
const aroundScript = /^ERR Error running script \(call to \w+\): (?:@?user_script: ?\d+: )*-?/

const replyCode = (message: string): string | undefined => {
  const around = aroundScript.exec(message)?.[0].length ?? 0
  return /^[A-Z][A-Z]+\b/.exec(message.slice(around))?.[0] ?? (around > 0 ? "ERR" : undefined)
}

/** True when the name has a record of another type. */
export const isWrongType = (error: unknown): boolean => replyCode(Failures.wordsOf(error)) === "WRONGTYPE"

/**
 * True when the server takes no writes: it has become a replica. The client may reach the primary by connecting again.
 */
export const isReadOnly = (error: unknown): boolean => replyCode(Failures.wordsOf(error)) === "READONLY"

/** True when the server does not know a script's digest: it restarted, was flushed, or is another one. */
export const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("NOSCRIPT")

/** True when the server answered, even with an error: the connection works. */
export const isReply = (error: unknown): boolean => error instanceof Error && replyCode(error.message) !== undefined

export const failures = Failures.make({
  adapter: "redis",
  // The server quotes the arguments of a command that it does not know.
  words: (error) => Failures.wordsOf(error).split(/,? with args beginning with:/)[0]!,
  isReply,
  verdict: (_, words) => (words.includes("max number of clients") ? "passes" : (known(replyCode(words)) ?? "passes"))
})
