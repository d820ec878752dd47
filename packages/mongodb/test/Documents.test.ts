/** Answers that a real server gives rarely. */
import { failureOf, run, sleep } from "@cache-locking/conformance-kit/testing"
import { BoundedCalls } from "@cache-locking/core"
import { MongoNetworkError, MongoServerError } from "mongodb"
import { describe, expect, it } from "vitest"
import { Documents } from "../src/Documents.ts"
import { failures } from "../src/Failure.ts"
import type { StoredEntry } from "../src/StoredEntry.ts"

const duplicate = () => new MongoServerError({ ok: 0, code: 11_000, errmsg: "E11000 duplicate key error" })

/** Documents over a collection whose first answers are these, and then an entry. */
const answering = (...errors: ReadonlyArray<Error>) => {
  const asked: Array<unknown> = []
  const collection = {
    findOneAndUpdate: async (...args: ReadonlyArray<unknown>) => {
      asked.push(args)
      const error = errors[asked.length - 1]
      if (error !== undefined) throw error
      return { by: "g-mark" } satisfies StoredEntry
    }
  }
  return { asked, documents: new Documents(collection as never, 1_000) }
}

const upsert = (documents: Documents, signal = new AbortController().signal) =>
  documents.upsert("k", [], undefined, signal)

describe("an upsert that lost the race to make the document", () => {
  it("is sent again, the same, until it finds the document or has made it", async () => {
    const { asked, documents } = answering(duplicate(), duplicate(), duplicate())
    expect(await upsert(documents)).toEqual({ by: "g-mark" })
    expect(asked).toHaveLength(4)
    expect(new Set(asked.map((args) => JSON.stringify(args))).size).toBe(1)
  })

  it("gives up after nine attempts, as temporary", async () => {
    const { asked, documents } = answering(...Array.from({ length: 20 }, duplicate))
    const verb = BoundedCalls.make({ failures, timeout: 1_000 }).run("acquire", "k", ({ signal }) =>
      upsert(documents, signal)
    )
    expect(await failureOf(verb)).toMatchObject({ reason: "Unavailable", retryable: true, operation: "acquire" })
    expect(asked).toHaveLength(9)
  })

  it("is not sent again for a caller that left", async () => {
    const { asked, documents } = answering(...Array.from({ length: 20 }, duplicate))
    const left = new AbortController()
    left.abort()
    await expect(upsert(documents, left.signal)).rejects.toMatchObject({ code: 11_000 })
    expect(asked).toHaveLength(1)
  })

  it("is distinguished from every other failure, which the adapter does not repeat", async () => {
    for (const error of [
      new MongoNetworkError("connection closed"),
      new MongoServerError({ ok: 0, code: 112, errmsg: "WriteConflict" }),
      new MongoServerError({ ok: 0, code: 64, errmsg: "waiting for replication timed out" })
    ]) {
      const { asked, documents } = answering(error)
      await expect(upsert(documents)).rejects.toBe(error)
      expect(asked).toHaveLength(1)
    }
  })
})

it("a call whose driver never answers ends in time, and its signal fires", async () => {
  let told: unknown
  const verb = BoundedCalls.make({ failures, timeout: 20 }).run("read", "k", ({ signal }) => {
    signal.addEventListener("abort", () => {
      told = signal.reason
    })
    return new Promise<never>(() => {})
  })
  expect(await failureOf(verb)).toMatchObject({ message: "no answer within 20 ms" })
  await sleep(0)
  expect(told).toMatchObject({ message: "given up" })
  await expect(run(verb)).rejects.toThrow("no answer")
})
