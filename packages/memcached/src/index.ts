export * as MemcachedAdapter from "./MemcachedAdapter.ts"
