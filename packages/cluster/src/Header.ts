/**
 * What core writes before a value's payload: learnt from core, which alone knows its envelope. Of the header the last part
 * is how long the load took, whose length varies: every byte but its last has the high bit.
 */
import { type Adapter, Cache, Codec, MemoryAdapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"

const headers = new Map<string, string>()

/** What core writes before the payload of a codec, learnt from core, which alone knows its envelope. */
export const headerOf = (name: string): string => {
  const known = headers.get(name)
  if (known !== undefined) return known
  let header = ""
  const codec: Codec.Codec<number> = { name, encode: () => new Uint8Array(1), decode: () => 0 }
  const adapter: Adapter = {
    ...MemoryAdapter.make(),
    keepsReferences: undefined,
    put: (_, { value }) =>
      Effect.sync(() => {
        header = Buffer.from(value.bytes.slice(0, -1)).toString("latin1")
      })
  }
  const written = Effect.flatMap(Cache.make<number>({ adapter, codec }), (cache) => cache.set("0", 0))
  Effect.runSync(Effect.scoped(written))
  headers.set(name, header)
  return header
}

/** The same as bytes, of the codec that is used where none is given: what the primary writes before a number. */
export const counterHeader = (): Uint8Array => Uint8Array.from(Buffer.from(headerOf(Codec.default.name), "latin1"))
