export * as PostgresAdapter from "./PostgresAdapter.ts"
