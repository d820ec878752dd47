import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { root } from "../run/Root.ts"

/**
 * What nobody awaits must keep no process alive, and what a caller awaits must. So each place in the packages that makes a
 * timer, or sleeps, is listed here with the one who waits for it.
 */
const places: { readonly [file: string]: string } = {
  "cluster/src/client/Link.ts":
    "nobody: the handshake is repeated over a channel that is alive by itself. Unreferenced",
  "cluster/src/client/PendingCalls.ts": "nobody: the bound of a call over such a channel. Unreferenced",
  "cluster/src/primary/PurgeTimer.ts": "nobody: a sweep. Unreferenced",
  "core/src/contract/BoundedCalls.ts":
    "the bound of a call: one timer for all is unreferenced, since a pending call has a connection; a timer of a call's own ends with it",
  "core/src/contract/Monotonic.ts": "the sleeps of core: its user says who waits",
  "core/src/contract/Subscriptions.ts": "nobody: a feed joins again. Unreferenced",
  "core/src/flight/Alarm.ts": "callers with a deadline; the timer is stopped when there are none",
  "core/src/flight/CrossRequestWaiter.ts": "a caller, who polls another request's flight",
  "core/src/flight/Engine.ts": "whoever closes the cache",
  "core/src/stats/Metrics.ts": "nobody: counts are carried over. Unreferenced",
  "core/src/stores/ConditionalStore.ts": "the call of a verb, for a short pause between two attempts",
  "core/src/stores/objects/Bucket.ts": "the call of a verb, for a short pause between two attempts",
  "core/src/tags/InvalidationLog.ts": "the call of a verb, for a short pause between two attempts",
  "dynamodb/src/Calls.ts": "the call of a verb, for a short pause between two attempts",
  "dynamodb/src/Table.ts": "whoever sets the table up",
  "memcached/src/Verbs.ts": "the call of a verb, for a short pause between two attempts",
  "mongodb/src/Acquirer.ts": "the call of a verb, for a short pause between two attempts",
  "mongodb/src/ChangeSubscriber.ts": "nobody: a stream that is idle, late or silent is closed. Unreferenced",
  "postgres/src/Setup.ts": "whoever sets the table up",
  "postgres/src/Subscriber.ts": "nobody: whoever waits for a message has a sleep of his own. Unreferenced",
  "redis/src/client/Subscriber.ts": "nobody: whoever waits for a message has a sleep of his own. Unreferenced"
}

const sleeps =
  /\bset(?:Timeout|Interval)\(|\b[cC]lock\.sleep\(|\bEffect\.(?:sleep|delay|timeout\w*|schedule\w*|repeat\w*|retry\w*)\(/

/** Packages for tests alone. */
const forTests = /^(?:conformance-kit|simulation|test-servers)\//

const code = (file: string): ReadonlyArray<string> =>
  readFileSync(join(root, "packages", file), "utf8")
    .split("\n")
    .filter((line) => !/^\s*(?:\*|\/\/|\/\*)/.test(line))

describe("timers", () => {
  const files = globSync("*/src/**/*.ts", { cwd: join(root, "packages") }).filter((file) => !forTests.test(file))

  it("every place that makes one is known, with the one who waits for it", () => {
    const found = files.filter((file) => code(file).some((line) => sleeps.test(line)))
    expect(found.sort()).toEqual(Object.keys(places).sort())
  })

  it("those that nobody waits for are unreferenced", () => {
    for (const [file, reason] of Object.entries(places)) {
      if (!reason.includes("nobody")) continue
      const text = code(file).join("\n")
      const made = [...text.matchAll(/\bset(?:Timeout|Interval)\(/g)].length
      const told = [...text.matchAll(/\.unref\(\)|Monotonic\.keepAlive\(/g)].length
      expect({ file, known: told >= made }).toEqual({ file, known: true })
    }
  })

  it("core sleeps by Monotonic, which is told who waits", () => {
    const own = ["core/src/contract/Monotonic.ts", "core/src/flight/Alarm.ts", "core/src/flight/CrossRequestWaiter.ts"]
    const found = files.filter((file) => code(file).some((line) => /\b[cC]lock\.sleep\(/.test(line)))
    expect(found.sort()).toEqual(own)
  })
})
