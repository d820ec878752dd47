/**
 * What is used of a KV binding: the `env.KV` of a Worker has it, and so has what miniflare hands out.
 *
 * Described here, so that nothing of the platform's own types is needed by who uses this package.
 */

/** What `getWithMetadata` answers. */
export interface Found {
  readonly value: ArrayBuffer | null
  readonly metadata: unknown
}

/** A KV namespace, as a Worker is given it. */
export interface Namespace {
  getWithMetadata(name: string, options: { type: "arrayBuffer"; cacheTtl?: number }): Promise<Found>
  put(
    name: string,
    value: ArrayBuffer | ArrayBufferView,
    options?: { expirationTtl?: number; metadata?: unknown }
  ): Promise<void>
  delete(name: string): Promise<void>
}

/** Whether something is a namespace, by its shape. */
export const isNamespace = (given: unknown): given is Namespace => {
  if (typeof given !== "object" || given === null) return false
  const { getWithMetadata, put, delete: remove } = given as Record<string, unknown>
  return [getWithMetadata, put, remove].every((method) => typeof method === "function")
}
