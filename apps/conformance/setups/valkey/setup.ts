import { Valkey } from "@cache-locking/test-servers"
import { singleServer } from "../../src/RedisSetup.ts"

export const setup = singleServer("Valkey", "Valkey", () => Valkey.start())
