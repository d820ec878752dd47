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
 * The folders of a package's sources from top to bottom. A module may import from its own folder and from rows below;
 * folders in one row do not know each other. The empty name stands for the modules that lie in no folder. A folder that
 * stands in no row is refused: a new room gets its place here first.
 */
export const rows: ReadonlyArray<{
  readonly package: string
  readonly topFirst: ReadonlyArray<ReadonlyArray<string>>
}> = [
  {
    package: "packages/core",
    topFirst: [[""], ["call"], ["flight", "stores"], ["options"], ["tags"], ["codec"], ["stats"], ["contract"]]
  }
]

/** Modules that are pure: they may import these modules' types, and nothing else at all. */
export const pure: ReadonlyArray<{
  readonly folder: string
  readonly module: string
  readonly typesOf: ReadonlyArray<string>
}> = [{ folder: "packages/core", module: "contract/Entry", typesOf: ["contract/Adapter"] }]
