import { httpCommands, R2Bridge } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { Backend } from "./Backend.ts"

/** A Worker has it as a binding. Here the floor and our cache send requests over HTTP to such a Worker. */
export const CloudflareR2: Backend = {
  name: "Cloudflare R2",
  packages: ["miniflare"],
  words: { get: "`get` of the binding", write: "`put` with `onlyIf`" },
  miss: 3,
  reader: httpCommands,

  start: async () => {
    const { Miniflare } = await import("miniflare")
    const { R2Adapter } = await import("@cache-locking/r2")
    const miniflare = new Miniflare({ modules: true, script: R2Bridge.script, r2Buckets: ["R2"] })
    const { href: url } = await miniflare.ready
    await Effect.runPromise(R2Adapter.setup({ bucket: R2Bridge.binding(url) }))
    return { title: "workerd with R2", url, stop: () => miniflare.dispose() }
  },

  open: async (url) => {
    const { R2Adapter } = await import("@cache-locking/r2")
    const bucket = R2Bridge.binding(url)
    return {
      adapter: R2Adapter.make({ bucket }),
      floor: {
        get: async (key) => {
          const found = await bucket.get(`floor/${key}`)
          return found === null ? undefined : Buffer.from(await found.arrayBuffer()).toString("latin1")
        },
        write: (key, value) =>
          bucket.put(`floor/${key}`, Buffer.from(value, "latin1"), { onlyIf: { etagDoesNotMatch: "*" } })
      },
      close: async () => {}
    }
  }
}
