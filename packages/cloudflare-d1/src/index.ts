export * as D1Adapter from "./D1Adapter.ts"
