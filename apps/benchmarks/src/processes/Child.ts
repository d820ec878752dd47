/** A child process that answers one message with one message. */
import type { ChildProcess } from "node:child_process"
import type { Probe, Sample } from "../Suite.ts"
import type { Question, Reply } from "./ProbeServer.ts"

/** A probe in a process of its own. */
export class Child implements Probe {
  private readonly process: ChildProcess
  private waiting: { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void } | undefined
  private ended: Error | undefined

  private constructor(child: ChildProcess) {
    this.process = child
    child.on("message", (message: unknown) => {
      // The channel of a cluster's worker also carries the contender's own messages.
      if ((message as Partial<Reply> | null)?.probe !== "reply") return
      const reply = message as Reply
      const waiting = this.waiting
      this.waiting = undefined
      if (reply.ok) waiting?.resolve(reply.value)
      else waiting?.reject(new Error(reply.error))
    })
    child.on("exit", (code, signal) => {
      this.ended = new Error(`the process ended with ${signal ?? code}`)
      this.waiting?.reject(this.ended)
    })
  }

  /** Completes when the process has opened its probe. */
  static async open(process: ChildProcess): Promise<Child> {
    const child = new Child(process)
    try {
      await child.reply()
    } catch (error) {
      child.process.kill()
      throw error
    }
    return child
  }

  private reply(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.ended === undefined) this.waiting = { resolve, reject }
      else reject(this.ended)
    })
  }

  private ask(question: Question): Promise<unknown> {
    const reply = this.reply()
    if (this.ended === undefined) this.process.send(question)
    return reply
  }

  readonly sample = (): Promise<Sample> => this.ask("sample") as Promise<Sample>

  readonly close = async (): Promise<void> => {
    await this.ask("close").catch(() => {})
    this.process.kill()
  }
}
