/**
 * Loads core with one mutant, named by the variable `MUTANT`: `node --import ./src/mutants/mutate.ts …`.
 */
import { registerHooks } from "node:module"
import { apply, mutants } from "./Mutants.ts"

const name = process.env["MUTANT"]
const mutant = mutants.find((each) => each.name === name)
if (mutant === undefined) throw new Error(`there is no mutant "${name}"`)

let applied = false
registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context)
    if (!url.endsWith(`/core/src/${mutant.file}`)) return loaded
    applied = true
    return { ...loaded, source: apply(mutant, Buffer.from(loaded.source as Uint8Array).toString()) }
  }
})

process.on("exit", () => {
  if (!applied) throw new Error(`the module of the mutant "${name}" was not loaded`)
})
