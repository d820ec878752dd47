/**
 * The part of R2's binding that is used. An `R2Bucket` of `@cloudflare/workers-types` has it.
 */

/** A condition on a write. */
export interface Conditional {
  readonly etagMatches?: string
  readonly etagDoesNotMatch?: string
}

/** An object without its bytes. */
export interface Head {
  readonly key: string
  readonly etag: string
  readonly size: number
  readonly uploaded: Date
  readonly customMetadata?: Record<string, string>
}

/** An object with its bytes. */
export interface Body extends Head {
  readonly arrayBuffer: () => Promise<ArrayBuffer>
}

/** One page of a listing. */
export interface Listing {
  readonly objects: ReadonlyArray<Head>
  readonly truncated: boolean
  readonly cursor?: string
}

export interface Binding {
  readonly get: (key: string) => Promise<Body | null>
  readonly put: (
    key: string,
    value: ArrayBufferView,
    options?: { onlyIf?: Conditional; customMetadata?: Record<string, string> }
  ) => Promise<Head | null>
  readonly delete: (keys: string) => Promise<void>
  readonly list: (options: { prefix?: string; cursor?: string; include?: Array<"customMetadata"> }) => Promise<Listing>
}
