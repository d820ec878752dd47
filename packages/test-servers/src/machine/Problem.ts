/** The server is not to be had on this machine. Not a bug: say plainly what was not run, and why. */
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

/** The server was given by an environment variable: it is somebody else's, so it is not ours to kill or pause. */
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

/** The binary is here, but the server did not come up (or did not do what it was told) in time. */
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
