/** Errors of the primary, and of loads in other workers. */
import { runInNewContext } from "node:vm"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { linkOver } from "../../src/client/SpaceClient.ts"
import { Cluster, ClusterCache, type ClusterError } from "../../src/index.ts"
import type { Verb } from "../../src/primary/Verb.ts"
import { verbs } from "../../src/primary/Verbs.ts"
import { deserializeError, failureCodec, serializeError } from "../../src/wire/SerializedError.ts"
import { cachesOver } from "../fixtures/Caches.ts"

afterEach(() => Cluster.bootstrap().close())

class OutOfStock extends Data.TaggedError("OutOfStock")<{ readonly left: number; readonly cause?: unknown }> {}

const failure = () => {
  const root = Object.assign(new RangeError("too far"), { code: "E_FAR" })
  return Object.assign(new TypeError("no such row", { cause: root }), { code: 42 })
}

const crossed = (error: any) => ({
  ...serializeError(error),
  isError: error instanceof Error && error.cause instanceof Error
})

it("an error of another realm, as Jest and vm make them, arrives whole", () => {
  const foreign = runInNewContext(
    'Object.assign(new TypeError("no such row", { cause: new RangeError("too far") }), { code: 42 })'
  )
  expect(foreign).not.toBeInstanceOf(Error)
  for (const arrived of [
    deserializeError(serializeError(foreign)),
    failureCodec.decode(failureCodec.encode(foreign))
  ]) {
    expect(arrived).toMatchObject({ name: "TypeError", message: "no such row", code: 42, stack: foreign.stack })
    expect(arrived.cause).toMatchObject({ name: "RangeError", message: "too far" })
  }
})

describe.each(["advanced", "json"] as const)("over %s", (serialization) => {
  it("a defect in the primary arrives with name, message, code, stack and causes", async () => {
    const { ends, one } = cachesOver({}, serialization)
    await one.get("k")
    const error = failure()
    const broken = verbs as Map<string, Verb>
    broken.set("break", () => {
      throw error
    })
    try {
      const received = await new Promise<ClusterError>((failed) =>
        linkOver(ends.worker)!.call(0, "break", [], 1_000, { succeeded: () => {}, failed })
      )
      expect(received).toMatchObject({ _tag: "CLUSTER_ERROR", reason: "Failed", retryable: false })
      expect(crossed(received.cause)).toEqual({ ...serializeError(error), isError: true })
    } finally {
      broken.delete("break")
    }
  })

  it("a load that fails is one error for the workers that wait, with its stack and causes", async () => {
    // A busy machine may let the other worker ask only when the usual cooldown is over.
    const { direct, one, two } = cachesOver<string>({ load: { cooldown: "1 minute" } }, serialization)
    const error = failure()
    let loads = 0
    const fetch = async () => {
      loads++
      await new Promise((resolve) => setTimeout(resolve, 50))
      throw error
    }
    const answers = await Promise.all(
      [one, one, two, two, direct].map((cache) => cache.fetch("k", fetch).catch((error) => error))
    )
    expect(loads).toBe(1)
    for (const answer of answers) expect(crossed(answer)).toEqual({ ...serializeError(error), isError: true })
    expect(answers.filter((answer) => answer === error).length).toBeGreaterThan(0)
  })
})

it("a typed failure keeps its tag and fields in the other worker", async () => {
  const { ends, others } = cachesOver()
  const [here, there] = [ends, others].map(({ worker }) => ClusterCache.make<string>({ port: worker }))
  const load = () => Effect.andThen(Effect.sleep(50), Effect.fail(new OutOfStock({ left: 3 })))
  const asked = [here!, there!].map((cache) => Effect.runPromise(Effect.flip(cache.fetch("k", load))))
  for (const answer of await Promise.all(asked)) {
    expect(answer).toBeInstanceOf(Error)
    expect(answer).toMatchObject({ _tag: "OutOfStock", left: 3 })
  }
})

describe("the codec of failures", () => {
  const through = (failure: unknown) => failureCodec.decode(failureCodec.encode(failure))

  it("loses the fields that cannot be encoded, and no others", () => {
    const error = Object.assign(failure(), { _tag: "Broken", retry: () => 1 })
    const arrived = through(error)
    expect(crossed(arrived)).toEqual({ ...serializeError(error), isError: true })
    expect(arrived).toMatchObject({ _tag: "Broken" })
    expect(arrived).not.toHaveProperty("retry")
    const hidden = new Error("outer", { cause: { at: Symbol("x") } })
    expect(through(hidden)).toMatchObject({ message: "outer", stack: hidden.stack })
  })

  it("leaves fields of others' errors in the worker, and of what is no error, too", () => {
    const config = { headers: { authorization: "canary" } }
    const rejected = Object.assign(failure(), { config })
    for (const each of [rejected, new Error("outer", { cause: rejected }), { message: "x", config }]) {
      expect(new TextDecoder().decode(failureCodec.encode(each))).not.toContain("canary")
    }
    expect(() => failureCodec.encode({ config })).toThrow(TypeError)
  })

  it("keeps values that are not errors as they were, and never fails for an error", () => {
    for (const failure of ["text", undefined, null, 5n, { code: 1 }]) expect(through(failure)).toEqual(failure)
    expect(through({ at: Symbol("x"), code: 1 })).toEqual({ code: 1 })
    expect(() => through(() => 1)).toThrow(TypeError)
    const hostile = Object.defineProperty(new Error("hostile"), "field", {
      enumerable: true,
      get: () => {
        throw new Error("no")
      }
    })
    expect(through(hostile)).toMatchObject({ message: "hostile", stack: hostile.stack })
  })

  it("ends where an error is its own cause", () => {
    const error = new Error("round")
    error.cause = error
    expect(() => through(error)).not.toThrow()
    let depth = 0
    for (let at: unknown = deserializeError(serializeError(error)); at instanceof Error; at = at.cause) depth++
    expect(depth).toBe(9)
  })
})
