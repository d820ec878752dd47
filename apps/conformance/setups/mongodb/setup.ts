import { mongoDb } from "../../src/MongoDbSetup.ts"

export const setup = mongoDb
