import type { ViteUserConfig } from "vitest/config"

/** The export condition under which workspace packages resolve to their TypeScript sources. */
export const sourceCondition = "cache-locking-source"

// Without "module", because packages have code for bundlers under it, which Node cannot always load.
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
    // Limits end a hang and never judge a slow machine. A test has a limit of its own only where it takes longer.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    passWithNoTests: true
  }
} satisfies ViteUserConfig
