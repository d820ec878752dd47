import { tiered } from "../../src/TieredSetup.ts"
import { setup as far } from "../redis-cluster/setup.ts"

export const setup = tiered(far, "redis-cluster-tiered")
