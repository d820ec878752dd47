/**
 * One client of the user's, as calls see it: what sends, and whether it is worth sending.
 *
 * The client keeps what cannot be sent yet in a queue without a bound, and would carry it out whenever the server is
 * back. So once a call was lost, nothing more is handed to it until one harmless question was answered: what waited in
 * vain meanwhile was never sent.
 */
import type { Sql } from "postgres"
import { isReply } from "./Failure.ts"

/** A client of postgres.js: what `postgres()` returns. */
export type Client = Sql<any>

/** What a statement is given. */
export type Parameter = string | number | boolean | Uint8Array | null

/** A row as the server wrote it, text in bytes, whatever types and transforms the client has. */
export type Row = ReadonlyArray<Buffer | null>

export const noop = (): void => {}

interface Waiter {
  readonly go: () => void
  readonly fail: (error: unknown) => void
}

export class Link {
  readonly client: Client
  private doubtful = false
  private probing = false
  private probedAt = 0
  private readonly waiting = new Set<Waiter>()

  constructor(client: Client) {
    this.client = client
  }

  /** Sends a statement, prepared unless the client says otherwise. */
  send(text: string, parameters: ReadonlyArray<Parameter>): Promise<ReadonlyArray<Row>> {
    return this.client.unsafe(text, parameters as Array<Parameter>, { prepare: true }).raw() as unknown as Promise<
      ReadonlyArray<Row>
    >
  }

  /** A call had no answer, or lost its connection. */
  doubt(): void {
    this.doubtful = true
  }

  /**
   * Goes on at once, or when the server has answered again. What is returned takes it back.
   *
   * @param patience milliseconds after which a question without an answer is asked again, on another connection if there is one
   */
  whenSound(go: () => void, fail: (error: unknown) => void, patience: number): (() => void) | undefined {
    if (!this.doubtful) {
      go()
      return undefined
    }
    const waiter = { go, fail }
    this.waiting.add(waiter)
    this.probe(patience)
    return () => {
      this.waiting.delete(waiter)
    }
  }

  private probe(patience: number): void {
    const now = performance.now()
    if (this.probing && now - this.probedAt < patience) return
    this.probing = true
    this.probedAt = now
    this.client.unsafe("select 1").then(
      () => {
        this.doubtful = false
        this.settle(({ go }) => go())
      },
      (error) => {
        if (isReply(error)) this.doubtful = false
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
