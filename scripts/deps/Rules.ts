/**
 * Who may import whom. This file is the whole policy; the other files of this folder only apply it.
 *
 * Everybody depends downwards. A type-only import counts like any other: a type that points upwards
 * is a design that points upwards.
 */

/** Which packages of the workspace a folder's sources may import; the first matching line decides. */
export const workspaces: ReadonlyArray<{ readonly folder: string; readonly mayImport: ReadonlyArray<string> }> = [
  { folder: "packages/core", mayImport: [] },
  { folder: "packages/test-servers", mayImport: [] },
  { folder: "packages/conformance-kit", mayImport: ["@cache-locking/core"] },
  { folder: "packages/cache-locking", mayImport: ["@cache-locking/*"] },
  { folder: "packages/*", mayImport: ["@cache-locking/core"] },
  { folder: "apps/*", mayImport: ["*"] },
  { folder: "examples/*", mayImport: ["*"] }
]

/** What a package's own tests may import beyond what its sources may. */
export const testsMayAlsoImport = [
  "@cache-locking/core",
  "@cache-locking/conformance-kit",
  "@cache-locking/test-servers",
  // The leases beside values of a store that has none of its own.
  "@cache-locking/cloudflare-d1"
]

/**
 * The rows of a package from top to bottom. A module may import only from rows below its own, so a row's
 * modules do not know each other, and a module that stands in no row is refused: new nouns get a place
 * here first.
 */
export const rows: ReadonlyArray<{ readonly folder: string; readonly topFirst: ReadonlyArray<ReadonlyArray<string>> }> =
  [
    {
      folder: "packages/core",
      topFirst: [
        ["index"],
        ["promise"],
        ["PromiseFetcher"],
        ["Cache"],
        ["Instance"],
        ["ManyKeys", "Reading", "Writing"],
        ["BatchJoiners", "Guard"],
        ["Call", "CallOptions", "Invalidation"],
        ["Inbox"],
        ["Joiner", "LocalHit"],
        ["Answering"],
        ["Engine"],
        ["Nesting", "Registry", "Trip"],
        ["Flights", "Load"],
        ["Flight", "Lease"],
        ["Distant", "Following", "Leading"],
        ["Batch", "Inquiry", "KeyPattern"],
        ["Backlog", "Renewal", "Waiter"],
        ["Hooks"],
        ["Outcome"],
        ["Turn"],
        ["Sealer", "Tiered"],
        ["Tiers"],
        ["Feed"],
        ["NearTier"],
        ["MemoryAdapter"],
        ["FailureCodec", "Sealed"],
        ["ObjectStore"],
        ["ConditionalStore", "ObjectSetup", "ObjectSweep", "ValueStore"],
        ["Bucket"],
        ["Life", "Policy"],
        ["Tags"],
        ["TagKey"],
        ["Codec", "EntryRecord", "Metrics", "WaitStrategy"],
        ["Counters", "VersionName"],
        ["Latency"],
        ["Stats"],
        ["Compression", "Envelope", "Structured"],
        ["Entry"],
        [
          "AdapterCheck",
          "AdapterLayer",
          "Alarm",
          "Bus",
          "Check",
          "Deadlines",
          "Identity",
          "Limit",
          "ObjectName",
          "Recent",
          "Retold"
        ],
        ["Adapter"],
        ["CacheLockingError"]
      ]
    }
  ]

/** Modules that are pure: they may import these modules' types, and nothing else at all. */
export const pure: ReadonlyArray<{
  readonly folder: string
  readonly module: string
  readonly typesOf: ReadonlyArray<string>
}> = [{ folder: "packages/core", module: "Entry", typesOf: ["Adapter"] }]
