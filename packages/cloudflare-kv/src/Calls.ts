/**
 * The requests to a namespace, as bounded calls.
 */
import { type AdapterError, BoundedCalls, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failures } from "./Failure.ts"
import type { Found, Namespace } from "./KvBinding.ts"
import * as Ttl from "./Ttl.ts"

/** The verb and the key of a request, for errors. */
export type Asked = readonly [operation: Operation, key?: string]

/** The requests to one namespace. */
export class Calls {
  private readonly namespace: Namespace
  private readonly calls: BoundedCalls.Calls
  private readonly cacheTtl: number | undefined

  /** @param cacheTtl seconds for which KV keeps at the edge what it read */
  constructor(namespace: Namespace, timeout: number, cacheTtl: number | undefined) {
    this.namespace = namespace
    this.calls = BoundedCalls.make({ failures, timeout, timers: "own" })
    this.cacheTtl = cacheTtl
  }

  /** Gets the bytes, unless the exact time stored with them is over. */
  get([operation, key]: Asked, name: string): Effect.Effect<Uint8Array | undefined, AdapterError> {
    const options = {
      type: "arrayBuffer" as const,
      ...(this.cacheTtl === undefined ? {} : { cacheTtl: this.cacheTtl })
    }
    return Effect.map(
      this.calls.run(operation, key, () => this.namespace.getWithMetadata(name, options)),
      ({ metadata, value }: Found) => (value === null || Ttl.isOver(metadata) ? undefined : new Uint8Array(value))
    )
  }

  /** @param ttl milliseconds, may be `Infinity` */
  set([operation, key]: Asked, name: string, bytes: Uint8Array, ttl: number): Effect.Effect<void, AdapterError> {
    return this.calls.run(operation, key, () => this.namespace.put(name, bytes, Ttl.optionsOf(ttl)))
  }

  delete([operation, key]: Asked, name: string): Effect.Effect<void, AdapterError> {
    return this.calls.run(operation, key, () => this.namespace.delete(name))
  }
}
