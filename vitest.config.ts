import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    projects: [
      "scripts/vitest.config.ts",
      "packages/*/vitest.config.ts",
      "apps/*/vitest.config.ts",
      "examples/*/vitest.config.ts"
    ],
    passWithNoTests: true,
    // Files that speak to servers wait more than they work.
    maxWorkers: 6
  }
})
