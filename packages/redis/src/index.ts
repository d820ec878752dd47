export * as RedisAdapter from "./RedisAdapter.ts"
