import { expect, it } from "vitest"
import { type Archive, merge } from "../src/Archive.ts"

const archive = (node: string, ...suites: ReadonlyArray<string>): Archive => ({
  machine: { cpu: "c", cores: 2, memory: "1 GiB", system: "s", node },
  redis: "7",
  versions: {},
  results: suites.map((suite) => ({
    suite,
    date: node,
    commit: "",
    rounds: 1,
    rows: [],
    targets: [],
    verdict: [],
    failures: []
  }))
})

const names = ({ results }: Archive) => results.map(({ suite }) => suite)

it("keeps older results of the same machine and versions, and drops the rest", () => {
  expect(names(merge(archive("24", "a", "b"), archive("24", "b", "c")))).toEqual(["a", "b", "c"])
  expect(names(merge(archive("22", "a", "b"), archive("24", "b")))).toEqual(["b"])
  expect(names(merge(undefined, archive("24", "b")))).toEqual(["b"])
})
