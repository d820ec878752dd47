import { R2Adapter } from "@cache-locking/r2"
import { R2Bridge, WorkersRuntime } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"
import { runtime } from "../../src/CloudflareSetup.ts"
import { claims, commandTimeout, expiresIn, prefix, proxyTo, stallOf } from "../../src/S3Setup.ts"

export const setup: AdapterSetup = {
  title: "R2",
  package: "@cache-locking/r2",
  open: Effect.gen(function* () {
    const miniflare = yield* Effect.acquireRelease(
      Effect.promise(() => WorkersRuntime.start({ modules: true, script: R2Bridge.script, r2Buckets: ["R2"] })),
      (miniflare) => Effect.promise(() => miniflare.dispose())
    )
    const { href: url } = yield* Effect.promise(() => miniflare.ready)
    const proxy = yield* proxyTo(url)
    const eye = R2Bridge.binding(url)
    return {
      server: runtime(),
      setup: {
        name: "R2",
        claims,
        peers: () => ({
          here: R2Adapter.make({ bucket: R2Bridge.binding(proxy.url()), prefix, commandTimeout }),
          there: R2Adapter.make({ bucket: R2Bridge.binding(url), prefix, commandTimeout })
        }),
        records: (key: string) =>
          Effect.promise(async () => {
            const beginning = `${prefix}/leases/${encodeURIComponent(key)}`
            const { objects } = await eye.list({ prefix: beginning, include: ["customMetadata"] })
            return objects.map(({ customMetadata, key }) => ({ name: key, expiresIn: expiresIn(customMetadata) }))
          }),
        stall: stallOf(proxy)
      }
    }
  })
}
