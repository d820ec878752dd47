/**
 * The part of a KV binding that is used. The `env.KV` of a Worker has it, and miniflare's bindings have it too.
 *
 * It is described here, so that users of this package need none of the platform's own types.
 */

/** The answer of `getWithMetadata`. */
export interface Found {
  readonly value: ArrayBuffer | null
  readonly metadata: unknown
}

/** A KV namespace, as a Worker gets it. */
export interface Namespace {
  getWithMetadata(name: string, options: { type: "arrayBuffer"; cacheTtl?: number }): Promise<Found>
  put(
    name: string,
    value: ArrayBuffer | ArrayBufferView,
    options?: { expirationTtl?: number; metadata?: unknown }
  ): Promise<void>
  delete(name: string): Promise<void>
}

/** True for a namespace, by its shape. */
export const isNamespace = (given: unknown): given is Namespace => {
  if (typeof given !== "object" || given === null) return false
  const { getWithMetadata, put, delete: remove } = given as Record<string, unknown>
  return [getWithMetadata, put, remove].every((method) => typeof method === "function")
}
