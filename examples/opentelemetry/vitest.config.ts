import { defineConfig } from "vitest/config"
import { base, sourceCondition } from "../../vitest.base.ts"

// Without "module": under it `@opentelemetry/api` gives modules that Node cannot load.
const conditions = [sourceCondition, "node", "development|production"]

export default defineConfig({ ...base, resolve: { conditions }, ssr: { resolve: { conditions } } })
