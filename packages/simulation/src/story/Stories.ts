/**
 * Kept stories, which the simulation or a person once found, shrunk to the events that matter.
 */
import { defaults, type Story } from "./Story.ts"

export interface KeptStory {
  readonly name: string
  /** The rule that the story broke. */
  readonly breaks: string
  readonly story: Story
}

const base = { store: "push", processes: 2, delay: 1, slower: {}, commandTimeout: 1_000 } as const

export const stories: ReadonlyArray<KeptStory> = [
  {
    name: "a subscription becomes live while the second question is under way, and the fill lies between",
    breaks: "late-wake",
    story: {
      ...base,
      commandTimeout: 2_000,
      settings: { ...defaults, leaseTtl: 4_000, waitMax: 15_000, tags: "given" },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 66 },
        { at: 0, do: "slow", process: 1, verb: "watch", leg: "request", by: 70, for: 1_000 },
        { at: 5, do: "get-or-set", process: 1, key: "a", takes: 50 },
        { at: 8, do: "slow", process: 1, verb: "acquire", leg: "reply", by: 60, for: 1_000 }
      ]
    }
  },
  {
    name: "a lease is lost while its load runs, and a caller comes later",
    breaks: "voided-value",
    story: {
      ...base,
      settings: { ...defaults, leaseTtl: 600 },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 3_000 },
        { at: 100, do: "change", process: 1, key: "a", by: "delete" },
        { at: 2_000, do: "get-or-set", process: 0, key: "a", takes: 10 }
      ]
    }
  },
  {
    name: "a lease is lost before any renewal, and a caller comes while the load ends",
    breaks: "voided-value",
    story: {
      ...base,
      settings: { ...defaults, leaseTtl: 15_000 },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 12_000 },
        { at: 100, do: "change", process: 1, key: "a", by: "delete" },
        { at: 11_000, do: "get-or-set", process: 0, key: "a", takes: 10 }
      ]
    }
  },
  {
    name: "a tag is invalidated during a load whose process sets its clock back",
    breaks: "voided-value",
    story: {
      ...base,
      settings: { ...defaults, cacheTtl: 60_000 },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 1_000 },
        { at: 500, do: "change", process: 1, key: "a", by: "tag" },
        { at: 700, do: "step", process: 0, by: -2_000 },
        { at: 3_000, do: "get-or-set", process: 1, key: "a", takes: 10 }
      ]
    }
  },
  {
    name: "the store refuses a fill, and the lease is given back by nobody",
    breaks: "orphaned-lease",
    story: {
      ...base,
      settings: { ...defaults, leaseTtl: 4_000 },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 100 },
        { at: 90, do: "refuse", for: 300 }
      ]
    }
  },
  {
    name: "a tag is invalidated while a load runs in the background of a stale value, and a caller comes later",
    breaks: "voided-value",
    story: {
      ...base,
      settings: { ...defaults, cacheTtl: 200, staleWhileRevalidate: 20_000, leaseTtl: 600, tags: "given" },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 5 },
        { at: 300, do: "get-or-set", process: 0, key: "a", takes: 8_000 },
        { at: 1_000, do: "change", process: 1, key: "a", by: "tag" },
        { at: 4_000, do: "get-or-set", process: 0, key: "a", takes: 5 }
      ]
    }
  },
  {
    name: "a load waits for its turn at the log of invalidations for longer than its lease lasts",
    breaks: "two-leaders",
    story: {
      ...base,
      store: "client-clock",
      processes: 5,
      delay: 25,
      commandTimeout: 300,
      settings: { ...defaults, cacheTtl: 200, leaseTtl: 600, waitMax: 20_000 },
      events: [
        { at: 71, do: "refresh", process: 1, key: "b", takes: 4_000 },
        { at: 89, do: "get-or-set", process: 0, key: "a", takes: 4_000 },
        { at: 1_576, do: "get-or-set", process: 4, key: "a", takes: 0 }
      ]
    }
  },
  {
    name: "a grant is answered after the caller gave up",
    breaks: "orphaned-lease",
    story: {
      ...base,
      commandTimeout: 300,
      settings: { ...defaults, leaseTtl: 15_000 },
      events: [
        { at: 0, do: "slow", process: 0, verb: "acquire", leg: "reply", by: 2_000, for: 1_000 },
        { at: 1, do: "get-or-set", process: 0, key: "a", takes: 100 }
      ]
    }
  },
  {
    name: "two requests of an isolate wait at once, and their time is over",
    breaks: "answered-elsewhere",
    story: {
      ...base,
      store: "isolates",
      waitUntil: true,
      settings: { ...defaults, waitMax: 1_000, leaseTtl: 15_000 },
      events: [
        { at: 0, do: "get-or-set", process: 1, key: "a", takes: 8_000, request: 0 },
        { at: 0, do: "get-or-set", process: 1, key: "b", takes: 8_000, request: 1 },
        { at: 100, do: "get-or-set", process: 0, key: "a", takes: 10, request: 2 },
        { at: 200, do: "get-or-set", process: 0, key: "b", takes: 10, request: 3 }
      ]
    }
  },
  {
    name: "a request joins another one's flight, whose store is slow, and takes it for dead",
    breaks: "never-ends",
    story: {
      ...base,
      store: "isolates",
      waitUntil: true,
      settings: { ...defaults, leaseTtl: 600 },
      events: [
        { at: 0, do: "slow", process: 0, verb: "acquire", leg: "reply", by: 900, for: 100 },
        { at: 1, do: "get-or-set", process: 0, key: "a", takes: 10, request: 0 },
        { at: 700, do: "get-or-set", process: 0, key: "a", takes: 10, request: 1 }
      ]
    }
  },
  {
    name: "a key of a batch is loaded beside its flight, which another caller keeps, and both are to be fetched",
    breaks: "never-ends",
    story: {
      ...base,
      store: "isolates",
      waitUntil: false,
      delay: 5,
      slower: { acquire: 95 },
      settings: { ...defaults, cacheTtl: 200, leaseTtl: 600, staleIfError: 10_000, tags: "given" },
      events: [
        { at: 1_812, do: "get-or-set", process: 0, key: "a", takes: 0, request: 0 },
        { at: 2_282, do: "get-or-set", process: 1, key: "b", takes: 1_000, request: 1 },
        { at: 2_717, do: "get-or-set-many", process: 1, keys: ["a", "b"], takes: 8_000, request: 2 },
        { at: 2_818, do: "pause", process: 1, for: 4_000 },
        { at: 4_618, do: "get-or-set", process: 1, key: "a", takes: 0, request: 3 }
      ]
    }
  },
  {
    name: "the request of a flight that follows is cut off, and another one had joined it",
    breaks: "late-wake",
    story: {
      ...base,
      store: "isolates",
      waitUntil: true,
      settings: { ...defaults, cacheTtl: 60_000, leaseTtl: 15_000, waitMax: 20_000 },
      events: [
        { at: 0, do: "get-or-set", process: 1, key: "a", takes: 6_000, request: 0 },
        { at: 100, do: "get-or-set", process: 0, key: "a", takes: 10, request: 1 },
        { at: 200, do: "get-or-set", process: 0, key: "a", takes: 10, request: 2 },
        { at: 1_000, do: "cut", process: 0, request: 1 }
      ]
    }
  },
  {
    name: "a tag is invalidated for the first time, and the store of values is slow to show its version",
    breaks: "voided-value",
    story: {
      ...base,
      store: "values",
      lag: 300,
      settings: { ...defaults, tags: "given" },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 10 },
        { at: 1_500, do: "change", process: 1, key: "a", by: "tag" },
        { at: 1_700, do: "get-or-set", process: 0, key: "a", takes: 10 }
      ]
    }
  },
  {
    name: "two batches wait for another process for too long, and the first one's fetch has no value for the key",
    breaks: "left-out",
    story: {
      ...base,
      settings: { ...defaults, leaseTtl: 15_000, waitMax: 1_000 },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 8_000 },
        { at: 2_000, do: "get-or-set-many", process: 1, keys: ["a", "b"], takes: 4_000, without: ["a"] },
        { at: 3_000, do: "get-or-set-many", process: 1, face: "promise", keys: ["a", "b"], takes: 5, without: ["b"] }
      ]
    }
  },
  {
    name: "the caller of a batch leaves, while the store has not answered for a key that another caller asked for",
    breaks: "orphaned-lease",
    story: {
      ...base,
      settings: { ...defaults, leaseTtl: 600 },
      events: [
        { at: 0, do: "slow", process: 0, verb: "acquire", leg: "reply", by: 900, for: 20 },
        { at: 1, do: "get-or-set", process: 0, key: "a", takes: 10 },
        { at: 50, do: "get-or-set-many", process: 0, keys: ["a", "b"], takes: 10, leaves: 200 },
        { at: 100, do: "get-or-set", process: 0, key: "b", takes: 10 }
      ]
    }
  },
  {
    name: "the tags of a load cannot be read, and the store need not answer",
    breaks: "no-reason-to-fail",
    story: {
      ...base,
      settings: { ...defaults, onAdapterError: "fetch", tags: "given" },
      events: [
        { at: 0, do: "lose", process: 0, verb: "read", leg: "reply", for: 2_000 },
        { at: 1, do: "get-or-set", process: 0, key: "a", takes: 5 }
      ]
    }
  },
  {
    name: "a follower's stale value is deleted while another process loads, and a later caller's time is over",
    breaks: "voided-value",
    story: {
      ...base,
      store: "polling",
      processes: 4,
      settings: { ...defaults, cacheTtl: 200, staleIfError: 10_000, leaseTtl: 15_000, waitMax: 20_000, tags: "given" },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 5 },
        { at: 300, do: "get-or-set", process: 1, key: "a", takes: 8_000 },
        { at: 400, do: "get-or-set", process: 0, key: "a", takes: 5 },
        { at: 600, do: "change", process: 2, key: "a", by: "delete" },
        { at: 610, do: "get-or-set", process: 3, key: "a", takes: 8_000 },
        {
          at: 3_000,
          do: "get-or-set",
          process: 0,
          key: "a",
          takes: 5,
          options: { waitMax: 500, onWaitTimeout: "stale" }
        }
      ]
    }
  },
  {
    name: "a value is declined while an older one may still stand in for a failure",
    breaks: "older-than-declined",
    story: {
      ...base,
      settings: { ...defaults, cacheTtl: 200, staleIfError: 10_000, declines: "shouldCache", bypassFor: 0 },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 5 },
        { at: 500, do: "get-or-set", process: 0, key: "a", takes: 5, uncacheable: true },
        { at: 1_500, do: "get-or-set", process: 1, key: "a", takes: 50, fails: true }
      ]
    }
  },
  {
    name: "a value is declined, and another process loads the next one for long",
    breaks: "waits-under-a-mark",
    story: {
      ...base,
      settings: { ...defaults, declines: "shouldCache" },
      events: [
        { at: 0, do: "get-or-set", process: 0, key: "a", takes: 50, uncacheable: true },
        { at: 1_000, do: "get-or-set", process: 0, key: "a", takes: 3_000, uncacheable: true },
        { at: 1_500, do: "get-or-set", process: 1, key: "a", takes: 10, uncacheable: true }
      ]
    }
  },
  {
    name: "a batch waits for a slot, and another's load of one of its keys is under way when it gets one",
    breaks: "orphaned-lease",
    story: {
      ...base,
      processes: 4,
      delay: 5,
      settings: {
        ...defaults,
        cacheTtl: 200,
        waitMax: 20_000,
        staleWhileRevalidate: 2_000,
        staleIfError: 0,
        onAdapterError: "fetch",
        tags: "told",
        earlyRefresh: { beta: 10 },
        refreshConcurrency: 1
      },
      events: [
        { at: 3_736, do: "get-or-set", process: 3, key: "a", takes: 50 },
        { at: 3_986, do: "get-or-set", process: 0, key: "a", takes: 4_000 },
        { at: 4_258, do: "get-or-set", process: 3, key: "b", takes: 50 },
        { at: 4_720, do: "change", process: 3, key: "a", by: "delete" },
        { at: 4_774, do: "get-or-set", process: 0, key: "b", takes: 8_000, leaves: 1_000 },
        { at: 4_865, do: "get-or-set", process: 3, key: "a", takes: 4_000 },
        { at: 5_145, do: "get-or-set-many", process: 0, keys: ["a", "b"], takes: 5, without: ["b"] }
      ]
    }
  }
]
