export * as MongoDbAdapter from "./MongoDbAdapter.ts"
