import { Redis } from "@cache-locking/test-servers"
import { singleServer } from "../../src/RedisSetup.ts"

export const setup = singleServer("Redis", "Redis", () => Redis.start())
