/**
 * `Entry` over KV for one isolate: values in KV under their key's own name, leases and cooldowns in this isolate's memory.
 *
 * It is not exported: every law of the contract holds within one isolate, and none between isolates.
 */
import {
  type Adapter,
  AdapterError,
  Entry,
  EntryRecord,
  Limits,
  type Operation,
  Token,
  type Value
} from "@cache-locking/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Calls } from "./Calls.ts"
import { type Isolate, isCertain, type Known } from "./Isolate.ts"
import { valueBytes } from "./KvStore.ts"

/** The longest name in KV, prefix included. */
const nameBytes = 512

/** The room of a record beside the value's bytes. */
const headBytes = 64

/** Larger values are read again rather than remembered. 256 keys of this size take 16 MiB of the 128 MB of an isolate. */
const rememberedBytes = 64 * 1024

/** The attempts of a verb that others of this isolate overtake. */
const attempts = 24

const grant = (): Token => Token(crypto.randomUUID())

const alone = (kept: Entry.Kept): Entry.Entry => ({ kept, lease: undefined, cooldown: undefined })

type Decide<A> = (entry: Entry.Entry | undefined, now: number) => Entry.Move<A>

class Verbs {
  readonly name = "cloudflare-kv:isolate"
  readonly limits: Adapter["limits"]
  private readonly isolate: Isolate
  private readonly calls: Calls
  private readonly prefix: string

  constructor(isolate: Isolate, calls: Calls, prefix: string) {
    this.isolate = isolate
    this.calls = calls
    this.prefix = prefix
    const keyBytes = nameBytes - new TextEncoder().encode(prefix).byteLength
    this.limits = { keyBytes, valueBytes: valueBytes - headBytes, tick: 1, clock: "client" }
  }

  /** Finds the entry, decides, and remembers in one step; then writes to KV, if the value changed. */
  readonly move = <A>(
    operation: Operation,
    key: string,
    decide: Decide<A>,
    value?: Value | undefined
  ): Effect.Effect<A, AdapterError> => {
    const refusal = Limits.refusal(this, operation, key, value)
    return refusal === undefined
      ? (this.run(operation, key, decide) as Effect.Effect<A, AdapterError>)
      : Effect.fail(refusal)
  }

  private readonly run = Effect.fnUntraced({ self: this }, function* <
    A
  >(this: Verbs, operation: Operation, key: string, decide: Decide<A>) {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = this.isolate.get(key)
      const entry = yield* this.find(operation, key, before)
      if (this.isolate.get(key) !== before) continue
      const now = yield* Clock.currentTimeMillis
      const [answer, next] = decide(entry, now)
      const writes = next?.kept !== entry?.kept || operation === "delete"
      if (next !== entry || writes) {
        const known = this.remember(key, next, writes ? now : before?.wroteAt, now)
        if (writes) yield* Effect.onError(this.tell(operation, key, next?.kept, now), () => this.doubt(key, known))
      }
      return answer
    }
    return yield* new AdapterError({
      adapter: this.name,
      operation,
      key,
      reason: "Unavailable",
      message: `overtaken by others of this isolate ${attempts} times in a row`
    })
  })

  /** The entry of a key, from this isolate's memory if that is certain, otherwise from KV. */
  private find(operation: Operation, key: string, before: Known | undefined) {
    return Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<Entry.Entry | undefined, AdapterError> => {
      // A put does not depend on the old entry.
      if (operation === "put" || (before !== undefined && isCertain(before, now))) return Effect.succeed(before)
      return Effect.map(this.calls.get([operation, key], this.prefix + key), (bytes) => {
        const kept = bytes === undefined ? undefined : EntryRecord.decode(bytes)?.kept
        return kept && alone(kept)
      })
    })
  }

  private remember(key: string, next: Entry.Entry | undefined, wroteAt: number | undefined, now: number) {
    const { cooldown, kept, lease } = next ?? { kept: undefined, lease: undefined, cooldown: undefined }
    const tooLarge =
      lease === undefined && cooldown === undefined && (kept?.value.bytes.byteLength ?? 0) > rememberedBytes
    if (tooLarge) {
      this.isolate.forget(key)
      return undefined
    }
    const known: Known = { kept, lease, cooldown, wroteAt }
    this.isolate.set(key, known, now)
    return known
  }

  private tell(operation: Operation, key: string, kept: Entry.Kept | undefined, now: number) {
    const name = this.prefix + key
    if (kept === undefined) return this.calls.delete([operation, key], name)
    const ttl = Entry.keptUntil(kept) - now
    return ttl > 0 ? this.calls.set([operation, key], name, EntryRecord.encode(alone(kept)), ttl) : Effect.void
  }

  /** Forgets an entry after a failed write: KV may not have it, and must be read. */
  private doubt(key: string, known: Known | undefined): Effect.Effect<void> {
    return Effect.sync(() => {
      if (known !== undefined && this.isolate.get(key) === known) this.isolate.forget(key)
    })
  }
}

/** The adapter of one isolate. */
export const make = (isolate: Isolate, calls: Calls, prefix: string): Adapter => {
  const verbs = new Verbs(isolate, calls, prefix)
  const { move } = verbs
  return {
    name: verbs.name,
    limits: verbs.limits,
    identity: isolate,
    acquire: (key, options) => move("acquire", key, (entry, now) => Entry.acquire(entry, now, options, grant)),
    fill: (key, options) => move("fill", key, (entry, now) => Entry.fill(entry, now, options), options.value),
    abandon: (key, options) => move("abandon", key, (entry, now) => Entry.abandon(entry, now, options), options.cause),
    renew: (key, options) => move("renew", key, (entry, now) => Entry.renew(entry, now, options)),
    delete: (key) => move("delete", key, Entry.remove),
    put: (key, options) => move("put", key, (_, now) => Entry.put(now, options), options.value),
    touch: (key, options) => move("touch", key, (entry, now) => Entry.touch(entry, now, options)),
    read: (key) => move("read", key, (entry, now) => [Entry.read(entry, now), entry])
  }
}
