import { expect, it } from "vitest"
import { type Archive, merge } from "../../src/report/Archive.ts"

const archive = (node: string, ...suites: ReadonlyArray<string>): Archive => ({
  machine: { cpu: "c", cores: 2, memory: "1 GiB", system: "s", node },
  servers: {},
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

it("ignores a version that only one of the two used, and forgets no server", () => {
  const older = { ...archive("24", "a"), servers: { Redis: "Redis 7" }, versions: { effect: "effect 4" } }
  const newer = { ...archive("24", "b"), servers: { S3: "moto 5" }, versions: { effect: "effect 4", memjs: "memjs 1" } }
  const merged = merge(older, newer)
  expect(names(merged)).toEqual(["a", "b"])
  expect(merged.servers).toEqual({ Redis: "Redis 7", S3: "moto 5" })
  expect(merged.versions).toEqual(newer.versions)
  expect(names(merge({ ...older, servers: { S3: "moto 4" } }, newer))).toEqual(["b"])
})
