/** The report, for people. */
import type { Suite } from "../Suite.ts"
import type { Archive } from "./Archive.ts"
import type { Result } from "./Result.ts"
import { markdown, tableOf } from "./Table.ts"

const command =
  "npx -y pnpm@12 exec node --expose-gc --conditions=cache-locking-source apps/benchmarks/src/main.ts --write"

const section = (suite: Suite, result: Result): string => {
  const lines = [
    `## ${suite.title}`,
    "",
    suite.about,
    "",
    markdown(tableOf(suite, result)),
    "",
    ...result.verdict.map((sentence) => `- ${sentence}`),
    ...result.targets.map(({ met, text }) => `- ${met ? "Met" : "**Missed**"}: ${text}.`),
    ...(result.notRun ?? []).map(({ name, reason }) => `- **Not run**: ${name}: ${reason.split("\n")[0]}`),
    ...result.failures.map(({ error, name }) => `- **Not measured**: ${name}: ${error.split("\n")[0]}`),
    "",
    `<sub>\`${suite.name}\`, ${result.rounds} rounds, ${result.date.slice(0, 10)}, commit ${result.commit}</sub>`
  ]
  return lines.join("\n")
}

export const report = (suites: ReadonlyArray<Suite>, { machine, results, servers, versions }: Archive): string =>
  `<!-- Written by apps/benchmarks. Do not edit: run it. -->

# Benchmarks

cache-locking beside other caches, all in one run.

- **Method.** Each contender runs in a process of its own. All are open at once and are measured in turn, round after round, in
  a shifted order. A figure is the median of the rounds, with the quartiles in brackets. _÷ floor_ is the median of the
  ratios to the first row in the same round. Compare these ratios, because the figures themselves depend on this machine.
- **Fairness.** Every contender loads and returns the same values. Each value is checked and each load is counted: a contender that
  returns a wrong value or loads too often gets an error instead of a row. Peers are set up as in their own documentation, with the
  bounds and the TTL named here. bentocache also serializes in memory, by default. cache-manager runs on its default store, which has
  no bound and is its fastest.
- **"As fast as"** is a difference of less than 5 %.

Made with

\`\`\`sh
${command}
\`\`\`

on ${machine.cores} cores of ${machine.cpu}, ${machine.memory}, ${machine.system}, Node ${machine.node}; ${Object.values(servers).join(", ")} on the same machine;
${Object.values(versions).join(", ")}.

${suites
  .flatMap((suite) => {
    const result = results.find((result) => result.suite === suite.name)
    return result === undefined ? [] : [section(suite, result)]
  })
  .join("\n\n")}
`
