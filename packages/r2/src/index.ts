export * as R2Adapter from "./R2Adapter.ts"
