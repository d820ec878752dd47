/**
 * The truth behind the caches: a versioned origin. It is read at the beginning of a load and answers at the end, as the
 * slowest possible reader does.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Call, Load, Versioned } from "../story/History.ts"
import type { Loading } from "../story/Story.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** The failure of a load. */
class OriginFailed extends Data.TaggedError("ORIGIN_FAILED")<{}> {}

/** One fetch, for the keys of one call that a process leads. */
export interface Fetch {
  readonly answer: Effect.Effect<ReadonlyMap<string, Versioned>, OriginFailed>
  /** It is over, or nobody waits for it any more. Only the first end counts. */
  readonly end: (how: "answered" | "cut") => void
}

export class Origin {
  private readonly versions = new Map<string, number>()
  private readonly time: VirtualTime
  private readonly loads: Array<Load>

  constructor(time: VirtualTime, loads: Array<Load>) {
    this.time = time
    this.loads = loads
  }

  get keys(): Iterable<string> {
    return this.versions.keys()
  }

  versionOf(key: string): number {
    return this.versions.get(key) ?? this.versions.set(key, 1).get(key)!
  }

  /** Makes the value of a key another one; returns its version. */
  change(key: string): number {
    const version = this.versionOf(key) + 1
    this.versions.set(key, version)
    return version
  }

  fetch(calls: ReadonlyArray<Call>, { fails, uncacheable, unencodable, without = [] }: Loading): Fetch {
    const keys = calls.map(({ key }) => key)
    const loads = calls.map(({ id, key, process, request }): Load => {
      const load: Load = {
        id: this.loads.length + 1,
        process,
        key,
        call: id,
        ...(keys.length > 1 && { beside: keys }),
        version: this.versionOf(key),
        ...(request !== undefined && { request }),
        startedAt: this.time.now,
        ...(fails && { fails })
      }
      this.loads.push(load)
      return load
    })
    const found = loads.filter(({ key }) => !without.includes(key))
    const beside = { ...(uncacheable && { uncacheable }), ...(unencodable && { unencodable: 1n }) }
    const values = new Map(found.map(({ id, key, version }) => [key, { key, version, load: id, ...beside }]))
    return {
      answer: fails ? Effect.fail(new OriginFailed()) : Effect.succeed(values),
      end: (how) => {
        for (const load of loads) {
          if (load.endedAt !== undefined) continue
          load.endedAt = this.time.now
          load.end = how === "cut" ? "cut" : fails ? "failed" : values.has(load.key) ? "value" : "nothing"
        }
      }
    }
  }
}
