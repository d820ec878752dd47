/**
 * One client of the user's, as calls see it: it sends statements, and holds them back while the server does not answer.
 *
 * The client keeps statements that it cannot send yet in a queue without a bound, and would carry them out whenever the
 * server is back. So once a call was lost, the client gets nothing more until it has answered one harmless query. A
 * statement that waited in vain meanwhile was never sent.
 */
import type { Sql } from "postgres"
import { isReply } from "./Failure.ts"

/** A client of postgres.js: what `postgres()` returns. */
export type Client = Sql<any>

/** A parameter of a statement. */
export type Parameter = string | number | boolean | Uint8Array | null

/** A row as the server wrote it, text in bytes, independent of the types and transforms of the client. */
export type Row = ReadonlyArray<Buffer | null>

export const noop = (): void => {}

/** The pauses between two clients of our own that each meet a server that takes no writes, in milliseconds. */
const firstPause = 1_000
const longestPause = 5_000

/** The time for which a server that refused a write is taken for one that can only be read, in milliseconds. */
const readOnlyFor = 1_000

/** The time in which a client that was replaced may finish its statements, in seconds. */
const endsWithin = 5

interface Waiter {
  readonly go: () => void
  readonly fail: (error: unknown) => void
}

export class Link {
  /** Called when another client has taken the place of this one. */
  onReplaced: () => void = noop
  /** Opens another client. Present where the client is our own. */
  reopen: (() => Client) | undefined
  private current: Client
  private readOnlyUntil = 0
  private pause = firstPause
  private replaceAt = 0
  private suspect = false
  private probing = false
  private probedAt = 0
  private readonly waiting = new Set<Waiter>()

  constructor(client: Client) {
    this.current = client
  }

  get client(): Client {
    return this.current
  }

  /** True when the server refused a write a moment ago. It may be read all the same. */
  get isReadOnly(): boolean {
    return performance.now() < this.readOnlyUntil
  }

  /**
   * Records that the server refused a write, because it takes none. A client of our own is replaced: after a failover its
   * connections may lead to the former primary, while new ones lead to the present one. Answers true if it was.
   */
  refusedWrite(): boolean {
    const now = performance.now()
    this.readOnlyUntil = now + readOnlyFor
    if (this.reopen === undefined || now < this.replaceAt) return false
    this.pause = now - this.replaceAt > longestPause ? firstPause : Math.min(2 * this.pause, longestPause)
    this.replaceAt = now + this.pause
    const former = this.current
    this.current = this.reopen()
    former.end({ timeout: endsWithin }).catch(noop)
    this.onReplaced()
    return true
  }

  /** Sends a statement, prepared unless the client says otherwise. */
  send(text: string, parameters: ReadonlyArray<Parameter>): Promise<ReadonlyArray<Row>> {
    return this.current.unsafe(text, parameters as Array<Parameter>, { prepare: true }).raw() as unknown as Promise<
      ReadonlyArray<Row>
    >
  }

  /** Records that a call had no answer, or lost its connection. */
  distrust(): void {
    this.suspect = true
  }

  /**
   * Calls `go` at once, or when the server has answered again. Returns a function that gives up waiting.
   *
   * @param probeTimeout milliseconds after which a query without an answer is sent again, on another connection if there is one
   */
  whenHealthy(go: () => void, fail: (error: unknown) => void, probeTimeout: number): (() => void) | undefined {
    if (!this.suspect) {
      go()
      return undefined
    }
    const waiter = { go, fail }
    this.waiting.add(waiter)
    this.probe(probeTimeout)
    return () => {
      this.waiting.delete(waiter)
    }
  }

  private probe(probeTimeout: number): void {
    const now = performance.now()
    if (this.probing && now - this.probedAt < probeTimeout) return
    this.probing = true
    this.probedAt = now
    this.current.unsafe("select 1").then(
      () => {
        this.suspect = false
        this.settle(({ go }) => go())
      },
      (error) => {
        if (isReply(error)) this.suspect = false
        this.settle(({ fail }) => fail(error))
      }
    )
  }

  private settle(how: (waiter: Waiter) => void): void {
    this.probing = false
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const waiter of waiting) how(waiter)
  }
}
