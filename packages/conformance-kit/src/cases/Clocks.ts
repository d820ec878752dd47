import { skewedBy } from "../testing/Calls.ts"
import { prove } from "../world/Case.ts"
import { between, cools, follows, hits, holds, leads } from "../world/Expect.ts"
import { value, type World } from "../world/World.ts"

const minutes = 60_000
/** Far more than any tolerance, and more than the lifetimes used here. */
const skews = [10 * minutes, -10 * minutes]

const alone = { needs: "a store's clock", alone: true } as const

/** A key whose lifetimes are shorter than the skew and longer than any test. */
const brief = (w: World) => ({ leaseFor: 2 * minutes, lifetime: { fresh: 2 * minutes, stale: 0 }, key: w.name() })

export const clocks = [
  prove("13", "limits.clock is the store's or the client's, the same for both peers", function* (w) {
    for (const { limits } of w.both) {
      holds(limits.clock === "store" || limits.clock === "client", `limits.clock is ${limits.clock}`)
    }
    holds(w.here.limits.clock === w.there.limits.clock, "the peers disagree on limits.clock")
  }),

  prove(
    "13",
    "a peer whose clock is ten minutes off sees a lease as long as it is",
    function* (w) {
      for (const skew of skews) {
        const { key, leaseFor } = brief(w)
        const token = yield* w.lead(w.here, key, { leaseFor })
        const found = follows(yield* skewedBy(skew, w.ask(w.there, key)), `a peer ${skew / minutes} minutes off`)
        between(found.leaseEndsIn, minutes, leaseFor + w.time.tolerance, "leaseEndsIn")
        holds(yield* skewedBy(skew, w.there.renew(key, { token, leaseFor })), "renewing through that peer")
        follows(yield* w.ask(w.here, key), "the other, after that peer renewed")
      }
    },
    alone
  ),

  prove(
    "13",
    "a peer whose clock is ten minutes off grants and fills for the same times",
    function* (w) {
      for (const skew of skews) {
        const { key, leaseFor, lifetime } = brief(w)
        const token = yield* skewedBy(skew, w.lead(w.there, key, { leaseFor }))
        const found = follows(yield* w.ask(w.here, key), `the other, led by a peer ${skew / minutes} minutes off`)
        between(found.leaseEndsIn, minutes, leaseFor + w.time.tolerance, "leaseEndsIn")
        yield* skewedBy(skew, w.fill(w.there, token, value("v"), lifetime, key))
        const hit = hits(yield* w.ask(w.here, key), value("v"), "the other")
        between(hit.freshFor, minutes, lifetime.fresh + w.time.tolerance, "freshFor")
        between(hit.age, 0, minutes, "age")
      }
    },
    alone
  ),

  prove(
    "13",
    "a peer whose clock is ten minutes off hits what is fresh",
    function* (w) {
      for (const skew of skews) {
        const { key, lifetime } = brief(w)
        yield* w.filled(w.here, value("v"), lifetime, key)
        const hit = hits(yield* skewedBy(skew, w.ask(w.there, key)), value("v"), `a peer ${skew / minutes} minutes off`)
        between(hit.freshFor, minutes, lifetime.fresh + w.time.tolerance, "freshFor")
        between(hit.age, 0, minutes, "age")
      }
    },
    alone
  ),

  prove(
    "13",
    "a peer whose clock is ten minutes off touches and fills without a value for the same times",
    function* (w) {
      for (const skew of skews) {
        const { key, lifetime } = brief(w)
        yield* w.filled(w.here, value("v"), { fresh: 10 * minutes, stale: 0 }, key)
        holds(yield* skewedBy(skew, w.there.touch(key, { freshFor: lifetime.fresh })), "touching through that peer")
        const touched = hits(yield* w.ask(w.here, key), value("v"), `after a touch ${skew / minutes} minutes off`)
        between(touched.freshFor, minutes, lifetime.fresh + w.time.tolerance, "freshFor after a touch")
        const token = yield* skewedBy(skew, w.lead(w.there, key, { refreshWithin: Infinity }))
        yield* w.refill(w.here, token, lifetime, key)
        const filled = hits(yield* skewedBy(skew, w.ask(w.there, key)), value("v"), "after the fill")
        between(filled.freshFor, minutes, lifetime.fresh + w.time.tolerance, "freshFor after the fill")
        between(filled.took, 0, minutes, "took, by a lease of that peer and a fill of the other")
      }
    },
    alone
  ),

  prove(
    "13",
    "a peer whose clock is ten minutes off never hits what expired",
    function* (w) {
      for (const skew of skews) {
        const key = w.name()
        const fresh = w.time.units(2)
        yield* w.filled(w.here, value("v"), { fresh, stale: 0 }, key)
        yield* w.time.past(fresh)
        leads(yield* skewedBy(skew, w.ask(w.there, key)), `a peer ${skew / minutes} minutes off`)
      }
    },
    alone
  ),

  prove(
    "13",
    "a peer whose clock is ten minutes off waits for a cooldown as long as it is",
    function* (w) {
      for (const skew of skews) {
        const key = w.name()
        const token = yield* w.lead(w.here, key)
        yield* w.here.abandon(key, { token, cooldown: 2 * minutes })
        const found = cools(yield* skewedBy(skew, w.ask(w.there, key)), `a peer ${skew / minutes} minutes off`)
        between(found.retryIn, minutes, 2 * minutes + w.time.tolerance, "retryIn")
      }
    },
    alone
  ),

  prove(
    "13",
    "a store that claims to live in this process does not go by the wall clock",
    function* (w) {
      for (const skew of skews) {
        const { key, leaseFor } = brief(w)
        yield* w.lead(w.here, key, { leaseFor })
        const found = follows(yield* skewedBy(skew, w.ask(w.there, key)), `a step of ${skew / minutes} minutes`)
        between(found.leaseEndsIn, minutes, leaseFor + w.time.tolerance, "leaseEndsIn")
      }
    },
    { needs: "the process's clock", alone: true }
  )
]
