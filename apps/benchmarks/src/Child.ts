/** A child process that answers one message with one message. */
import type { ChildProcess } from "node:child_process"
import { forkSource } from "./Fork.ts"
import type { Probe, Sample } from "./Suite.ts"
import type { Order, Question, Reply } from "./Worker.ts"

/** A probe in a process of its own. */
export class Child implements Probe {
  private readonly process: ChildProcess
  private waiting: { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void } | undefined
  private ended: Error | undefined

  private constructor(child: ChildProcess) {
    this.process = child
    child.on("message", (reply: Reply) => {
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

  static async open(order: Order): Promise<Child> {
    const child = new Child(forkSource(new URL("./Worker.ts", import.meta.url), [JSON.stringify(order)]))
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
