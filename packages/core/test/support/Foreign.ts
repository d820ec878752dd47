/** An adapter whose replies all arrive in the one context of its socket, as a client's do. */
import { AsyncLocalStorage } from "node:async_hooks"
import * as Effect from "effect/Effect"
import type { Adapter } from "../../src/contract/Adapter.ts"
import { eachVerb } from "./EachVerb.ts"

/** The values that belong to one caller: its name. */
export const caller = new AsyncLocalStorage<string>()

/** Delivers replies one after the other, in the context that it was opened in. */
class Socket {
  private readonly replies: Array<() => void> = []
  private wake: () => void = () => {}
  /** Keys whose replies are held back, with the replies. */
  private readonly held = new Map<string, Array<() => void>>()

  private async deliver(): Promise<never> {
    for (;;) {
      await null
      const reply = this.replies.shift()
      if (reply !== undefined) reply()
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
      }
    }
  }

  open(): this {
    caller.run("the socket", () => void this.deliver())
    return this
  }

  send(key: string, reply: () => void): void {
    const held = this.held.get(key)
    if (held !== undefined) held.push(reply)
    else {
      this.replies.push(reply)
      this.wake()
    }
  }

  hold(key: string): void {
    this.held.set(key, [])
  }

  release(key: string): void {
    const held = this.held.get(key) ?? []
    this.held.delete(key)
    for (const reply of held) this.send(key, reply)
  }
}

/** The adapter, and how to hold the replies about a key back. */
export const foreign = (adapter: Adapter): { readonly adapter: Adapter; readonly socket: Socket } => {
  const socket = new Socket().open()
  const answered = eachVerb(adapter, ({ effect, key, verb }) =>
    // A subscription has a scope, and answers at once.
    verb === "watch"
      ? effect
      : Effect.flatMap(Effect.exit(effect), (exit) => Effect.callback((resume) => socket.send(key, () => resume(exit))))
  )
  return { adapter: { ...answered, identity: adapter.identity ?? {} }, socket }
}
