/**
 * Requests to KV as effects: each bounded in time, each with a typed failure, and none that leaves a timer behind.
 */
import type { AdapterError, Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failed, timedOut } from "./Failure.ts"
import type { Found, Namespace } from "./KvBinding.ts"
import * as Ttl from "./Ttl.ts"

/** Which verb asks, for errors. */
export type Asked = readonly [operation: Operation, key?: string]

/** The requests to one namespace, with one bound. */
export class Calls {
  private readonly namespace: Namespace
  private readonly timeout: number
  private readonly cacheTtl: number | undefined

  /** @param cacheTtl seconds for which KV keeps what it read at the edge */
  constructor(namespace: Namespace, timeout: number, cacheTtl: number | undefined) {
    this.namespace = namespace
    this.timeout = timeout
    this.cacheTtl = cacheTtl
  }

  /** The bytes, unless they are over by the exact time that is kept with them. */
  get(asked: Asked, name: string): Effect.Effect<Uint8Array | undefined, AdapterError> {
    const options = {
      type: "arrayBuffer" as const,
      ...(this.cacheTtl === undefined ? {} : { cacheTtl: this.cacheTtl })
    }
    return Effect.map(
      this.bounded(asked, () => this.namespace.getWithMetadata(name, options)),
      ({ metadata, value }: Found) => (value === null || Ttl.isOver(metadata) ? undefined : new Uint8Array(value))
    )
  }

  /** @param ttl milliseconds, may be `Infinity` */
  set(asked: Asked, name: string, bytes: Uint8Array, ttl: number): Effect.Effect<void, AdapterError> {
    return this.bounded(asked, () => this.namespace.put(name, bytes, Ttl.optionsOf(ttl)))
  }

  delete(asked: Asked, name: string): Effect.Effect<void, AdapterError> {
    return this.bounded(asked, () => this.namespace.delete(name))
  }

  private bounded<A>([operation, key]: Asked, send: () => Promise<A>): Effect.Effect<A, AdapterError> {
    return Effect.callback((resume) => {
      // A timer of the call's own, however many there are: in a Worker a timer ends with the request that made it.
      const timer = setTimeout(() => resume(Effect.fail(timedOut(operation, key, this.timeout))), this.timeout)
      const settle = (effect: Effect.Effect<A, AdapterError>) => {
        clearTimeout(timer)
        resume(effect)
      }
      const fail = (error: unknown) => settle(Effect.fail(failed(operation, key, error)))
      try {
        send().then((answer) => settle(Effect.succeed(answer)), fail)
      } catch (error) {
        fail(error)
      }
      return Effect.sync(() => clearTimeout(timer))
    })
  }
}
