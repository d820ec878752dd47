import { Postgres } from "@cache-locking/test-servers"
import { singleServer } from "../../src/PostgresSetup.ts"

export const setup = singleServer("Postgres", "Postgres", () => Postgres.start())
