/**
 * The requests to a namespace, as bounded calls.
 *
 * KV keeps values for whole seconds, 60 at least. A value with a shorter lifetime has its exact time beside it.
 */
import { type AdapterError, BoundedCalls, type Operation } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { failures } from "./Failure.ts"
import type { Found, Namespace } from "./KvBinding.ts"

/** The shortest lifetime in KV, in seconds. */
const shortest = 60

/** Some 30 years, in seconds. A value with a longer lifetime is kept without an end. */
const longest = 1_000_000_000

interface Exact {
  /** The end of its lifetime: epoch milliseconds by the writer's clock. */
  readonly overAt: number
}

/** The options for a lifetime in milliseconds, which is never shortened. */
const lifetimeOf = (ttl: number): { expirationTtl?: number; metadata?: Exact } => {
  const seconds = Math.ceil(ttl / 1000)
  if (seconds >= longest) return {}
  if (ttl >= shortest * 1000) return { expirationTtl: seconds }
  return { expirationTtl: shortest, metadata: { overAt: Date.now() + Math.max(0, ttl) } }
}

/** True when the exact time stored with a value has passed. */
const isOver = (metadata: unknown): boolean => {
  const overAt = typeof metadata === "object" && metadata !== null ? (metadata as Partial<Exact>).overAt : undefined
  return typeof overAt === "number" && Date.now() >= overAt
}

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
      ({ metadata, value }: Found) => (value === null || isOver(metadata) ? undefined : new Uint8Array(value))
    )
  }

  /** @param ttl milliseconds, may be `Infinity` */
  set([operation, key]: Asked, name: string, bytes: Uint8Array, ttl: number): Effect.Effect<void, AdapterError> {
    return this.calls.run(operation, key, () => this.namespace.put(name, bytes, lifetimeOf(ttl)))
  }

  delete([operation, key]: Asked, name: string): Effect.Effect<void, AdapterError> {
    return this.calls.run(operation, key, () => this.namespace.delete(name))
  }
}
