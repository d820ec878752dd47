/**
 * The parent's side of `IpcAdapter`: one adapter that every worker may use.
 */
import type { Adapter, AdapterError } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { StoreAnswer, StoreCall, WorkerChannel } from "../ipc/Wire.ts"

/** One worker's place at the adapter. */
export class AdapterHost implements AsyncDisposable {
  /** What the worker sent, by name. */
  readonly commands: Array<string> = []
  private readonly watches = new Map<number, Scope.Closeable>()
  private readonly adapter: Adapter
  private readonly channel: WorkerChannel

  constructor(adapter: Adapter, channel: WorkerChannel) {
    this.adapter = adapter
    this.channel = channel
    channel.onAsk("store", (call) => {
      this.commands.push(call.verb)
      return Effect.runPromise(
        Effect.match(this.run(call), {
          onFailure: ({ message, reason }: AdapterError): StoreAnswer => ({ ok: false, reason, message }),
          onSuccess: (answer): StoreAnswer => ({ ok: true, answer })
        })
      )
    })
    channel.onTell("unwatch", ({ id }) => {
      this.commands.push("unwatch")
      this.leave(id)
    })
  }

  /** A worker that is gone waits for nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.watches.keys()]) this.leave(id)
  }

  private run(call: StoreCall): Effect.Effect<Extract<StoreAnswer, { ok: true }>["answer"], AdapterError> {
    const { adapter } = this
    switch (call.verb) {
      case "acquire":
        return adapter.acquire(call.key, call.options)
      case "fill":
        return adapter.fill(call.key, call.options)
      case "touch":
        return adapter.touch(call.key, call.options)
      case "abandon":
        return adapter.abandon(call.key, call.options)
      case "renew":
        return adapter.renew(call.key, call.options)
      case "delete":
        return adapter.delete(call.key)
      case "put":
        return Effect.as(adapter.put(call.key, call.options), undefined)
      case "read":
        return adapter.read(call.key)
      case "watch":
        return this.watch(call.key, call.options.id)
      case "changes":
        return this.changes(call.key, call.options.id)
    }
  }

  /** Answers when the subscription is live; tells when the key has changed. */
  private watch(key: string, id: number): Effect.Effect<undefined, AdapterError> {
    return Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.make()
      this.watches.set(id, scope)
      const changed = yield* Scope.provide(this.adapter.watch!(key), scope)
      const wake = Effect.sync(() => this.channel.tell("woken", { id }))
      yield* Effect.forkIn(Effect.andThen(Effect.ignore(changed), wake), scope)
      return undefined
    })
  }

  /** Answers when the subscription is live; tells of every change of a key that begins so. */
  private changes(prefix: string, id: number): Effect.Effect<undefined, AdapterError> {
    return Effect.gen({ self: this }, function* () {
      const scope = yield* Scope.make()
      this.watches.set(id, scope)
      const changed = (key: string) => {
        if (key.startsWith(prefix)) this.channel.tell("changed", { id, key })
      }
      // The channel and the parent's memory live and end together: nothing is lost before this process ends.
      const listener = { changed, lost: () => {}, restored: () => {} }
      yield* Scope.provide(this.adapter.changes!(listener), scope)
      return undefined
    })
  }

  private leave(id: number): void {
    const scope = this.watches.get(id)
    this.watches.delete(id)
    if (scope !== undefined) Effect.runFork(Scope.close(scope, Exit.void))
  }
}
