/** A process with the packages of one checkout in it. */
import { ok } from "node:assert/strict"
import { registerHooks } from "node:module"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { serveProbe } from "../processes/ProbeServer.ts"
import type { Setting } from "../Suite.ts"

/** The settings of the process, as one argument of JSON. */
export interface Order {
  readonly checkout: string
  readonly measurement: string
  readonly setting: Setting
}

/** Makes our imports of our own packages, and of Effect, those of the checkout. */
const importFrom = (checkout: string): void => {
  const folder = pathToFileURL(join(checkout, "packages/")).href
  // This package depends on all of them, and resolves itself.
  const parentURL = new URL("redis/package.json", folder).href
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, /^(@cache-locking|effect)(\/|$)/.test(specifier) ? { ...context, parentURL } : context)
  })
  const found = import.meta.resolve("@cache-locking/core")
  ok(found.startsWith(folder), `${found} is not of the checkout ${checkout}`)
}

if (process.send !== undefined && process.argv[2] !== undefined && import.meta.filename === process.argv[1]) {
  const { checkout, measurement, setting } = JSON.parse(process.argv[2]) as Order
  importFrom(checkout)
  await serveProbe(async () => {
    // Imported only once the packages are those of the checkout.
    const { measurements } = await import("./Measurements.ts")
    return measurements.find(({ name }) => name === measurement)!.open(setting)
  })
}
