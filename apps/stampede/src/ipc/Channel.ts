/**
 * Requests and notifications between a parent and its child process, over Node's own IPC.
 *
 * Everything that is sent in one turn of the event loop travels as one message: a stampede would otherwise spend its
 * time on a thousand small ones. Other code may use the same port: messages without this channel's mark belong to it.
 */

/** The verbs that one side understands: requests as `[body, answer]`, notifications as `body`. */
export interface Protocol {
  readonly asks: { readonly [verb: string]: readonly [body: unknown, answer: unknown] }
  readonly tells: { readonly [verb: string]: unknown }
}

type Message =
  | { readonly kind: "ask"; readonly id: number; readonly verb: string; readonly body: unknown }
  | { readonly kind: "answer"; readonly id: number; readonly body: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly message: string }
  | { readonly kind: "tell"; readonly verb: string; readonly body: unknown }

/** The messages of one turn, under a name that no other code uses. */
interface Batch {
  readonly stampede: ReadonlyArray<Message>
}

/** The part of `process` and of a child process that is needed. */
interface Port {
  readonly connected: boolean
  send?(message: unknown, handle?: undefined, options?: undefined, callback?: (error: Error | null) => void): boolean
  on(event: "message", listener: (message: unknown) => void): unknown
  on(event: "disconnect", listener: () => void): unknown
}

interface Pending {
  readonly resolve: (answer: any) => void
  readonly reject: (error: Error) => void
}

/** The process at the other end has exited. */
class Disconnected extends Error {
  override readonly name = "Disconnected"

  constructor() {
    super("the process at the other end has exited")
  }
}

/** One end. `Theirs` are the verbs of the other side, `Ours` those of this side. */
export class Channel<Theirs extends Protocol, Ours extends Protocol> {
  private readonly port: Port
  private readonly pending = new Map<number, Pending>()
  private readonly answers = new Map<string, (body: any) => unknown>()
  private readonly listeners = new Map<string, (body: any) => void>()
  private outbox: Array<Message> = []
  private asked = 0

  constructor(port: Port) {
    this.port = port
    port.on("message", (message) => {
      const { stampede } = Object(message) as Partial<Batch>
      for (const each of stampede ?? []) this.receive(each)
    })
    port.on("disconnect", () => {
      for (const { reject } of this.pending.values()) reject(new Disconnected())
      this.pending.clear()
    })
  }

  ask<V extends keyof Theirs["asks"] & string>(verb: V, body: Theirs["asks"][V][0]): Promise<Theirs["asks"][V][1]> {
    return new Promise((resolve, reject) => {
      if (!this.port.connected) return reject(new Disconnected())
      const id = ++this.asked
      this.pending.set(id, { resolve, reject })
      this.send({ kind: "ask", id, verb, body })
    })
  }

  tell<V extends keyof Theirs["tells"] & string>(verb: V, body: Theirs["tells"][V]): void {
    this.send({ kind: "tell", verb, body })
  }

  onAsk<V extends keyof Ours["asks"] & string>(
    verb: V,
    answer: (body: Ours["asks"][V][0]) => Promise<Ours["asks"][V][1]> | Ours["asks"][V][1]
  ): void {
    this.answers.set(verb, answer)
  }

  onTell<V extends keyof Ours["tells"] & string>(verb: V, listener: (body: Ours["tells"][V]) => void): void {
    this.listeners.set(verb, listener)
  }

  private send(message: Message): void {
    this.outbox.push(message)
    if (this.outbox.length === 1) queueMicrotask(() => this.flush())
  }

  private flush(): void {
    const batch: Batch = { stampede: this.outbox }
    this.outbox = []
    // A killed process receives nothing, and that is not an error.
    if (this.port.connected) this.port.send?.(batch, undefined, undefined, () => {})
  }

  private receive(message: Message): void {
    if (message.kind === "tell") this.listeners.get(message.verb)?.(message.body)
    else if (message.kind === "ask") void this.answer(message.id, message.verb, message.body)
    else this.settle(message)
  }

  private settle(message: Extract<Message, { kind: "answer" | "failure" }>): void {
    const pending = this.pending.get(message.id)
    this.pending.delete(message.id)
    if (message.kind === "answer") pending?.resolve(message.body)
    else pending?.reject(new Error(message.message))
  }

  private async answer(id: number, verb: string, body: unknown): Promise<void> {
    try {
      const answer = this.answers.get(verb)
      if (answer === undefined) throw new Error(`nobody answers "${verb}"`)
      this.send({ kind: "answer", id, body: await answer(body) })
    } catch (error) {
      this.send({
        kind: "failure",
        id,
        message: error instanceof Error ? (error.stack ?? error.message) : String(error)
      })
    }
  }
}
