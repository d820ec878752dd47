/**
 * Makes the calls of a process, through either face of its cache, and records their answers and their loads.
 */
import { type Answer, type Cache, Entry } from "@cache-locking/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Coverage from "../cells/Coverage.ts"
import type { Call, Change, Described, History, Versioned } from "../story/History.ts"
import type { Asking, Changing, Explaining, Loading, Story } from "../story/Story.ts"
import type { Asked, Face, Options, Values } from "./Face.ts"
import type { Origin } from "./Origin.ts"
import type { Process } from "./Process.ts"
import type { Request, Requests } from "./Request.ts"
import type { Store } from "./Store.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** The tag of a key's values. */
export const tagOf = (key: string): string => `tag-of-${key}`

const kinds = {
  get: "get",
  "get-many": "get",
  "get-or-set": "get-or-set",
  "get-or-set-many": "get-or-set",
  refresh: "refresh"
} as const

/** Calls that are made at once, by key. */
type Calls = ReadonlyMap<string, Call>

const nameOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return "CALLER_LEFT"
  const error = Cause.squash(cause) as { readonly _tag?: string }
  return error?._tag ?? String(error)
}

/** The world around a caller. */
export interface Scene {
  readonly story: Story
  readonly time: VirtualTime
  readonly origin: Origin
  readonly requests: Requests
  readonly history: History
  readonly store: Store
  /** A request ends, and with it all that began in it. */
  readonly requestOver: (process: Process, request: number, exit: Exit.Exit<unknown, unknown>) => void
}

export class Caller {
  private readonly process: Process
  private readonly scene: Scene

  constructor(process: Process, scene: Scene) {
    this.process = process
    this.scene = scene
  }

  private get now(): number {
    return this.scene.time.now
  }

  /** Asks for a key, or for many. */
  ask(event: Asking): void {
    const keys = "keys" in event ? event.keys : [event.key]
    const calls = new Map(keys.map((key) => [key, this.record(event, key)]))
    const request = this.scene.requests.of(this.process.id, event.request)
    const asked = this.asked(event, this.process.faces[event.face ?? "effect"], calls, request)
    const ended = (exit: Exit.Exit<unknown, unknown>, by: Request | undefined) => {
      for (const call of calls.values()) {
        call.endedAt = this.now
        if (by !== request) call.isForeign = true
        if (Exit.isFailure(exit)) call.error = nameOf(exit.cause)
      }
      if (request?.over && event.request !== undefined) this.scene.requestOver(this.process, event.request, exit)
    }
    this.process.run(asked, ended, { request, leaves: event.leaves })
  }

  private record(event: Asking, key: string): Call {
    const call: Call = {
      id: this.scene.history.calls.length,
      kind: kinds[event.do],
      process: this.process.id,
      key,
      ...("keys" in event && { batch: event.keys }),
      ...(event.options !== undefined && { options: event.options }),
      ...(event.request !== undefined && { request: event.request }),
      startedAt: this.now,
      ...(event.leaves !== undefined && { leavesAt: this.now + event.leaves })
    }
    this.scene.history.calls.push(call)
    this.scene.origin.versionOf(key)
    return call
  }

  private asked(event: Asking, face: Face, calls: Calls, request: Request | undefined): Asked<unknown> {
    const options = this.optionsOf(event, [...calls.keys()], request)
    switch (event.do) {
      case "get":
        return Effect.map(face.get(event.key), (value) => {
          if (value !== undefined) answered(calls.get(event.key)!, hit(value))
        })
      case "get-many":
        return Effect.map(face.getMany(event.keys), (values) => {
          for (const [key, value] of values) answered(calls.get(key)!, hit(value))
        })
      case "get-or-set":
      case "refresh": {
        const load = Effect.map(this.load(event, calls, [event.key]), (values) => values.get(event.key)!)
        const asked = event.do === "refresh" ? face.refresh : face.getOrSet
        return Effect.map(asked(event.key, load, options), (answer) => answered(calls.get(event.key)!, answer))
      }
      case "get-or-set-many": {
        const load = (keys: ReadonlyArray<string>) => this.load(event, calls, keys)
        const asked = face.getOrSetMany(event.keys, load, options, (value, context) => {
          const { cached: _, key, ...meta } = context
          const call = calls.get(key)!
          answered(call, { value, meta })
          call.toldAt = this.now
        })
        return Effect.map(asked, (values) => {
          // Hooks have told the outcomes of all keys that have a value, and of no other.
          for (const [key, call] of calls) if (call.answer?.value !== values.get(key)) call.error = "OTHERWISE_TOLD"
        })
      }
    }
  }

  /** A load of keys that are asked for together. */
  private load(event: Loading, calls: Calls, keys: ReadonlyArray<string>): Asked<Values> {
    return Effect.suspend(() => {
      const fetch = this.scene.origin.fetch(
        keys.map((key) => calls.get(key)!),
        event
      )
      const fetched = Coverage.fetcher(Effect.andThen(Effect.sleep(event.takes), fetch.answer))
      return Effect.onExit(fetched, (exit) =>
        Effect.sync(() => fetch.end(Exit.hasInterrupts(exit) ? "cut" : "answered"))
      )
    })
  }

  private optionsOf(event: Asking, keys: ReadonlyArray<string>, request: Request | undefined): Options | undefined {
    const { settings, waitUntil } = this.scene.story
    const options = {
      ...event.options,
      ...(settings.tags === "given" && { tags: keys.map(tagOf) }),
      ...(request !== undefined && waitUntil && { waitUntil: request.waitUntil })
    }
    return Object.keys(options).length === 0 ? undefined : options
  }

  /** Has a key explained, and records it if the key did not change meanwhile. */
  explain({ face, key }: Explaining): void {
    const { history, requests, store } = this.scene
    const look = () => {
      const { entry } = store.readRecord(key)
      return { write: store.lastWriteOf(key), described: describe(Entry.read(entry, this.process.storeTime)) }
    }
    const process = this.process.id
    const [startedAt, before] = [this.now, look()]
    const asked = this.process.faces[face ?? "effect"].explain(key)
    const ended = (exit: Exit.Exit<Cache.Explanation, unknown>): void => {
      const after = look()
      if (Exit.isFailure(exit) || before.write !== after.write) return
      const { age, coolingFor, holder, leaseEndsIn, state, waitersHere } = exit.value
      const explanation = { state, age, holder: holderOf(holder), leaseEndsIn, coolingFor }
      history.explained.push({
        process,
        key,
        startedAt,
        endedAt: this.now,
        explanation,
        waitersHere,
        before: before.described,
        after: after.described
      })
    }
    this.process.run(asked, ended, { request: requests.of(process, undefined) })
  }

  /** The origin changes, and the cache is made to follow. */
  change({ by, face, key }: Changing): void {
    const version = this.scene.origin.change(key)
    const change: Change = { process: this.process.id, key, version, by, startedAt: this.now }
    this.scene.history.changes.push(change)
    const { delete: remove, invalidateTag, set } = this.process.faces[face ?? "effect"]
    const followed =
      by === "delete"
        ? remove(key)
        : by === "tag"
          ? invalidateTag(tagOf(key))
          : set(key, { key, version, load: 0 }, [tagOf(key)])
    const returned = (exit: Exit.Exit<unknown, unknown>): void => {
      if (Exit.isSuccess(exit)) change.returnedAt = this.now
    }
    this.process.run(followed, returned, { request: this.scene.requests.of(this.process.id, undefined) })
  }
}

/** The process of a lease's owner. */
const holderOf = (owner: string | undefined): string | undefined => owner?.slice(0, owner.indexOf(":"))

const describe = ({ age, cooling, freshFor, lease, value }: ReturnType<typeof Entry.read>): Described => ({
  state: value === undefined ? "absent" : freshFor > 0 ? "fresh" : "stale",
  age: value === undefined ? undefined : age,
  holder: holderOf(lease?.owner),
  leaseEndsIn: lease?.endsIn,
  coolingFor: cooling?.retryIn
})

/** A value that was read. Nothing else is told of it. */
const hit = (value: Versioned): Answer<Versioned> => ({ value, meta: { cache: "HIT" } })

const answered = (call: Call, answer: Answer<Versioned>): void => {
  call.answer = answer
}
