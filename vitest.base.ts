import type { ViteUserConfig } from "vitest/config"

/** The export condition under which workspace packages resolve to their TypeScript sources. */
export const sourceCondition = "cache-locking-source"

// Without "module": what packages have under it is for bundlers, and Node cannot always load it.
const conditions = [sourceCondition, "node", "development|production"]

/** The part that all packages' `vitest.config.ts` have in common. */
export const base = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
    pool: "forks",
    // Child processes inherit it, so that a forked peer sees the same sources as the test.
    execArgv: [`--conditions=${sourceCondition}`],
    // Limits end a hang and never judge a slow machine. A test has one of its own only where it takes still longer.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    passWithNoTests: true
  }
} satisfies ViteUserConfig
