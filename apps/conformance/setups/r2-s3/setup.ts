import { WorkersRuntime } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { AdapterSetup } from "../../src/AdapterSetup.ts"
import { runtime } from "../../src/CloudflareSetup.ts"
import { setupOf } from "../../src/S3Setup.ts"

/** The same package as over S3: R2 speaks its API, but for the condition on a delete. */
export const setup: AdapterSetup = {
  title: "R2, by its S3 API",
  package: "@cache-locking/s3",
  open: Effect.gen(function* () {
    const s3Credentials = { accessKeyId: "test", secretAccessKey: "test" }
    const miniflare = yield* Effect.acquireRelease(
      Effect.promise(() =>
        WorkersRuntime.start({
          modules: true,
          script: "export default {}",
          r2Buckets: { R2: { id: "cache", s3Credentials } }
        })
      ),
      (miniflare) => Effect.promise(() => miniflare.dispose())
    )
    const { origin: url } = yield* Effect.promise(() => miniflare.ready)
    const place = { url, path: "/cdn-cgi/local/r2/s3", region: "auto", bucket: "cache" }
    return { server: runtime(), setup: yield* setupOf("R2, by its S3 API", place) }
  })
}
