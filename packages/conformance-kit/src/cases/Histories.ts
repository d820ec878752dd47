/** Random histories of both peers, and the search for an explanation by `Entry`. */
import type { Adapter } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { format } from "../histories/History.ts"
import { explain } from "../histories/Linearization.ts"
import { randomOf, record } from "../histories/Recorder.ts"
import { losingReplies, withFaults } from "../testing/Faults.ts"
import { prove as proveAny, type Steps } from "../world/Case.ts"
import { Inconclusive, Violation } from "../world/Verdict.ts"
import type { World } from "../world/World.ts"

/** The number of histories. They are few enough at once that their flights do not wait for this process. */
const histories = 16
const atOnce = 4

/** This clock shows the time of each reply. */
const prove = (name: string, steps: Steps) => proveAny("histories", name, steps, { needs: "a clock that runs" })

const check = Effect.fnUntraced(function* (
  w: World,
  shape: { readonly flightsPerPeer: number; readonly requestsPerFlight: number; readonly failing: boolean },
  dress: (adapter: Adapter, seed: number) => Adapter
) {
  const one = Effect.fnUntraced(function* (index: number) {
    const seed = w.seed + index
    const history = yield* record({
      ...shape,
      key: w.name(),
      peers: [
        ["here", dress(w.here, seed)],
        ["there", dress(w.there, -seed)]
      ],
      time: w.time,
      seed
    })
    const explanation = explain(history, { tolerance: w.time.tolerance })
    if (explanation.found === "an order") return
    const again = `Again: CACHE_LOCKING_SEED=${seed}`
    if (explanation.found === "no end") {
      throw new Inconclusive(`after ${explanation.looked} looks no order was found and none was ruled out. ${again}`)
    }
    const explained = explanation.steps.map(({ event }) => history[event]!)
    throw new Violation(
      `no order of these requests is explained by Entry. ${again}\n\nThe longest beginning that is (sent, got, flight):\n` +
        `${format(explained)}\n\nOf these, none can come next:\n${format(explanation.stuck)}\n\nAll:\n${format(history)}`
    )
  })
  yield* Effect.forEach(
    Array.from({ length: histories }, (_, index) => index),
    one,
    { concurrency: atOnce }
  )
})

export const historyCases = [
  prove("random histories of two peers are explained by Entry", function* (w) {
    yield* check(w, { flightsPerPeer: 2, requestsPerFlight: 10, failing: false }, (adapter) => adapter)
  }),

  prove("random histories with lost replies are explained by Entry", function* (w) {
    yield* check(w, { flightsPerPeer: 2, requestsPerFlight: 8, failing: true }, (adapter, seed) =>
      losingReplies(adapter, 10, randomOf(seed))
    )
  }),

  prove("random histories with copied and delayed requests are explained by Entry", function* (w) {
    yield* check(w, { flightsPerPeer: 2, requestsPerFlight: 8, failing: false }, (adapter, seed) => {
      const random = randomOf(seed)
      return withFaults(adapter, ({ operation }) => {
        // A copy of a request that answers otherwise the second time would be an event of its own.
        if (operation === "read" && random() < 0.1) return "duplicate"
        if (random() < 0.1) return { delayRequest: random() * w.time.unit }
        return random() < 0.1 ? { delayReply: random() * w.time.unit } : undefined
      })
    })
  })
]
