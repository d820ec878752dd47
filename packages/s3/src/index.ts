export * as S3Adapter from "./S3Adapter.ts"
