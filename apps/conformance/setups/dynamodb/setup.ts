export { setup } from "../../src/DynamoDbSetup.ts"
