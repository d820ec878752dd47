import * as Effect from "effect/Effect"
import { record } from "/work/main/packages/conformance-kit/src/Recorder.ts"
import { explain } from "/work/main/packages/conformance-kit/src/Linearization.ts"
import { Time } from "/work/main/packages/conformance-kit/src/Time.ts"
import { losingReplies } from "/work/main/packages/conformance-kit/src/Faults.ts"
import { randomOf } from "/work/main/packages/conformance-kit/src/Recorder.ts"
import { Backend } from "/work/main/packages/conformance-kit/test/fixtures/EntryAdapter.ts"
import { broken } from "/work/main/packages/conformance-kit/test/fixtures/Broken.ts"
import * as Session from "/work/main/packages/conformance-kit/src/Session.ts"
import { cases } from "/work/main/packages/conformance-kit/src/Cases.ts"
const time = new Time(1, 1)
for (const failing of [false, true]) {
  const looks: number[] = []; let bad = 0; let ms = 0
  await Effect.runPromise(Effect.forEach(Array.from({length: 200}, (_, i) => i), (i) => Effect.gen(function*() {
    const b = new Backend()
    const dress = (a: any, s: number) => failing ? losingReplies(a, 10, randomOf(s)) : a
    const h = yield* record({ key: "k", peers: [["here", dress(b.peer(), i)], ["there", dress(b.peer(), -i)]], flightsPerPeer: 2, requestsPerFlight: 10, time, seed: i, failing })
    const t = performance.now()
    const e = explain(h, { tolerance: time.tolerance })
    ms += performance.now() - t
    looks.push(e.looked)
    if (e.found !== "an order") { bad++; console.log(i, e.found, e.looked) }
  }), { concurrency: 8 }))
  looks.sort((a, b) => a - b)
  console.log({ failing, bad, median: looks[100], p99: looks[197], max: looks[199], ms: ms / 200 })
}
process.exit(0)
const caught: string[] = [], not: string[] = []
const c = cases.find((c) => c.name.startsWith("random histories of two"))!
for (const one of broken) {
  const v = await Effect.runPromise(Effect.scoped(Effect.flatMap(Session.open(one.setup()), (s) => s.judge(c))))
  ;(v.outcome === "failed" ? caught : not).push(one.fault + (v.outcome === "failed" && v.error.name !== "Violation" ? " (" + v.error.name + ")" : ""))
}
console.log("caught", caught.length, caught, "\nnot", not)
