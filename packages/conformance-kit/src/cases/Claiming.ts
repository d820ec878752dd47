/** Claims compared with facts: a claimed ability is present, and any other is absent. */
import { Check } from "@cache-locking/core"
import { prove } from "../world/Case.ts"
import { capabilities, factsOf } from "../world/Claims.ts"
import { holds, same } from "../world/Expect.ts"

export const claiming = [
  prove("claims", "it is an adapter", function* (w) {
    for (const peer of w.both) Check.adapter("adapter", peer)
    holds(
      w.here !== w.there || w.claims.clock === "process",
      "both peers are one adapter: give two, as two processes would have"
    )
  }),

  ...capabilities.map((capability) =>
    prove("claims", `it has ${capability} exactly when that is claimed`, function* (w) {
      const claimed = w.claims[capability] !== false
      for (const peer of w.both) same(factsOf(peer)[capability], claimed, `whether there is ${capability}`)
    })
  ),

  prove("claims", "it goes by the clock that is claimed", function* (w) {
    const claimed = w.claims.clock === "client" ? "client" : "store"
    for (const peer of w.both) same(factsOf(peer).clock, claimed, "limits.clock")
  })
]
