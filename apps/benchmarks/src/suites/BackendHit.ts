import type { Backend } from "../backends/Backend.ts"
import { backendOf, backends } from "../backends/Backends.ts"
import type { Contender, Metric, Suite } from "../Suite.ts"
import { hit, miss, open, type Prepare } from "./BackendCrowd.ts"

const contenders = (prepare: Prepare): ReadonlyArray<Contender> =>
  backends.map((backend) => ({
    name: backend.name,
    packages: backend.packages,
    ours: true,
    backend: backend.name,
    open: (setting) => open(backend, prepare, setting)
  }))

const metrics = (floor: string, ours: string): ReadonlyArray<Metric> => [
  { key: "floor", title: floor, unit: "µs" },
  { key: "time", title: ours, unit: "µs" },
  { key: "times", title: "÷ floor", unit: "times" },
  { key: "requests", title: "requests", unit: "count" }
]

const inWords = (of: (backend: Backend) => string): string =>
  backends.map((backend) => `${of(backend)} (${backend.name})`).join(", ")

/** The meaning of both tables, and its limits. */
const emulators =
  "The two share a process and take turns. Servers are on this machine, without a network, and some are emulators: the ratio shows what " +
  "cache-locking adds to a client, and the times say nothing about a service."

const verdict: Suite["verdict"] = ({ median, ours }) => [
  `Times the floor: ${ours.map((name) => `${name} ${median(name, "times").toFixed(2)}`).join(", ")}.`
]

/** In many misses there is one clean-up in the background. */
const background = 0.05

/** True when no hit or miss took more requests, wherever a proxy could count them, which must be somewhere. */
const within =
  (most: (backend: Backend) => number): NonNullable<Suite["targets"]>[number]["met"] =>
  ({ max, ours }) => {
    const counted = ours.flatMap((name) => {
      const requests = max(name, "requests")
      return Number.isFinite(requests) ? [requests - most(backendOf(name))] : []
    })
    return counted.length > 0 && counted.every((beyond) => beyond <= background)
  }

export const BackendHit: Suite = {
  name: "backend-hit",
  title: "Hit in every backend, 50 at a time",
  about:
    "100 present keys of 100 bytes; 50 callers, each of which asks for the next key as soon as it has one. The floor is one read by the raw client: " +
    `${inWords(({ words }) => words.get)}. _Requests_ are those of one hit of ours; callers that ask for one key at the same time share them. ${emulators}`,
  isolated: true,
  rounds: 9,
  metrics: metrics("plain read", "our hit"),
  contenders: contenders(hit),
  verdict,
  targets: [{ text: "one request for a hit, in every backend", met: within(() => 1) }]
}

export const BackendMiss: Suite = {
  name: "backend-miss",
  title: "Miss in every backend, 50 at a time",
  about:
    "Every key is new and its load ends at once: the cache asks, gets the lease, and fills. The floor is one conditional write by the raw client, " +
    `the least work of anything with a lock: ${inWords(({ words }) => words.write)}. ${emulators}`,
  isolated: true,
  rounds: 9,
  metrics: metrics("conditional write", "our miss"),
  contenders: contenders(miss),
  verdict,
  targets: [
    {
      text: "two requests for a leader's miss, three where a store cannot be asked and written to at once",
      met: within(({ miss }) => miss)
    }
  ]
}
