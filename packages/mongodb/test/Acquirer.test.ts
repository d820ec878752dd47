/** Acquires while others change the key at every request. */
import { ask, failureOf, run } from "@cache-locking/conformance-kit/testing"
import { type Acquired, BoundedCalls } from "@cache-locking/core"
import { describe, expect, it } from "vitest"
import { Acquirer } from "../src/Acquirer.ts"
import type { Documents } from "../src/Documents.ts"
import { failures } from "../src/Failure.ts"
import type { StoredEntry } from "../src/StoredEntry.ts"

const led = (owner: string): StoredEntry => ({
  _id: "k",
  lease: { owner, token: "t", since: 0, until: 1_000 },
  now: new Date(10)
})

/** Documents that are found so, time after time, and grant nothing. */
const contended = (...found: ReadonlyArray<StoredEntry | null>) => {
  const sent: Array<string> = []
  const looked = () => found[sent.filter((name) => name === "find").length - 1] ?? null
  const documents: Partial<Documents> = {
    find: async () => {
      sent.push("find")
      return looked()
    },
    findMany: async () => {
      sent.push("findMany")
      return []
    },
    // Somebody else's mark: the document was there, and was not changed.
    upsert: async () => {
      sent.push("upsert")
      return { by: "g-another", at: 10, lease: led("another").lease! }
    }
  }
  return { sent, acquirer: new Acquirer(BoundedCalls.make({ failures, timeout: 10_000 }), documents as Documents) }
}

describe("a key that another was granted meanwhile", () => {
  it("is looked at again, and then followed", async () => {
    const { acquirer, sent } = contended(null, led("another"))
    expect(await run(acquirer.one("k", ask("me")))).toMatchObject({ _tag: "Follower", leaseEndsIn: 990 })
    expect(sent).toEqual(["find", "upsert", "find"])
  })

  it("is looked at again in a batch, too, by itself", async () => {
    const { acquirer, sent } = contended(led("another"))
    const found: ReadonlyArray<Acquired> = await run(acquirer.many(["k"], ask("me")))
    expect(found).toMatchObject([{ _tag: "Follower" }])
    expect(sent).toEqual(["findMany", "upsert", "find"])
  })

  it("and given back, twenty times in a row, fails as temporary", async () => {
    const { acquirer, sent } = contended()
    expect(await failureOf(acquirer.one("k", ask("me")))).toMatchObject({
      reason: "Unavailable",
      retryable: true,
      message: "the key changed 20 times during the call"
    })
    expect(sent).toEqual(Array.from({ length: 20 }, () => ["find", "upsert"]).flat())
  })
})
