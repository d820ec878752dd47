export * as KvAdapter from "./KvAdapter.ts"
export * as KvAdvisory from "./KvAdvisory.ts"
export * as KvStore from "./KvStore.ts"
