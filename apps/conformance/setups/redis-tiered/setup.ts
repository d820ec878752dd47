import { tiered } from "../../src/TieredSetup.ts"
import { setup as far } from "../redis/setup.ts"

export const setup = tiered(far, "redis-tiered")
