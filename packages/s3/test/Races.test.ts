/** Races of many over connections of their own, each round of which has one winner. */
import { races } from "@cache-locking/conformance-kit/vitest"
import { S3Adapter } from "../src/index.ts"
import { bucket, claims, clientOf, ownServer } from "./fixtures/Support.ts"

const { url } = await ownServer()

races(
  {
    name: "S3",
    claims,
    peers: () => {
      const clients = Array.from({ length: 4 }, () => clientOf(url))
      const [here, there, ...more] = clients.map((client) =>
        S3Adapter.make({ client, bucket, prefix: "races", commandTimeout: "15 seconds" })
      )
      const close = () => {
        for (const client of clients) client.destroy()
      }
      return { here: here!, there: there!, more, close }
    }
  },
  {
    atOnce: 4,
    // The stand-in runs on one core: the other races are the kit's twenty rounds.
    only: [
      "grants a missing key to exactly one of fifty at once, twenty times",
      "a fill against a delete: the delete wins",
      "two fills with one token at once: exactly one is held, and its value stays",
      "a fill against the end of its lease: either it is held, or another leads",
      "a forced load against the fill of another: the forced one wins"
    ]
  }
)
