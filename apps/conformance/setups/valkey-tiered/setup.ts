import { tiered } from "../../src/TieredSetup.ts"
import { setup as far } from "../valkey/setup.ts"

export const setup = tiered(far, "valkey-tiered")
