import { check, Report } from "@cache-locking/conformance-kit"
import * as Effect from "effect/Effect"
import * as Setups from "./src/Setups.ts"

for (const name of process.argv.slice(2)) {
  const setup = await Setups.load(name)
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const { setup: given } = yield* setup.open
        const report = yield* check(given)
        console.log(Report.format(report))
      })
    )
  )
}
