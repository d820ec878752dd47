/**
 * The server is not available on this machine. This is not a bug: report the tests that did not run, and the reason.
 */
export class Unavailable extends Error {
  override readonly name = "Unavailable"
  readonly kind: string
  readonly reason: string

  constructor(kind: string, reason: string, options?: ErrorOptions) {
    super(`${kind} is not available: ${reason}`, options)
    this.kind = kind
    this.reason = reason
  }
}

/** An environment variable gave the server. It belongs to somebody else, so tests must not kill or pause it. */
export class NotControllable extends Error {
  override readonly name = "NotControllable"
  readonly kind: string
  readonly operation: string

  constructor(kind: string, operation: string) {
    super(`cannot ${operation} this ${kind}: it was given by the environment and is not ours to control`)
    this.kind = kind
    this.operation = operation
  }
}

/** The binary is here, but the server did not start, or did not carry out a request, in time. */
export class ServerFailed extends Error {
  override readonly name = "ServerFailed"
  readonly kind: string
  readonly log: string

  constructor(kind: string, reason: string, log: string, options?: ErrorOptions) {
    super(`${kind}: ${reason}${log === "" ? "" : `\n${log.trimEnd()}`}`, options)
    this.kind = kind
    this.log = log
  }
}

/** Turns a rejection with `Unavailable` into an answer; every other failure stays a failure. */
export const orUnavailable = async <A>(start: Promise<A>): Promise<A | Unavailable> => {
  try {
    return await start
  } catch (error) {
    if (error instanceof Unavailable) return error
    throw error
  }
}
