import { tiered } from "../../src/TieredSetup.ts"
import { setup as far } from "../cluster/setup.ts"

export const setup = tiered(far, "cluster-tiered")
