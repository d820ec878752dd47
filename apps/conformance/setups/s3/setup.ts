import { S3Moto } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import { type AdapterSetup, factsOf, serving } from "../../src/AdapterSetup.ts"
import { setupOf } from "../../src/S3Setup.ts"

export const setup: AdapterSetup = {
  title: "S3",
  package: "@cache-locking/s3",
  open: Effect.gen(function* () {
    const server = yield* serving(() => S3Moto.start())
    const place = { url: server.url, region: "us-east-1", bucket: "cache-locking-conformance" }
    return { server: factsOf(server, "S3 (moto)"), setup: yield* setupOf("S3", place) }
  })
}
