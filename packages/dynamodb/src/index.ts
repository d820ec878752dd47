export * as DynamoDbAdapter from "./DynamoDbAdapter.ts"
