import type { ListingAdapter } from "@cache-locking/core"
import type { D1Database, D1DatabaseSession } from "@cloudflare/workers-types"
import type { Miniflare } from "miniflare"
import { expectTypeOf, it } from "vitest"
import type { D1Adapter } from "../src/index.ts"

it("a Worker's binding is a database, and so is miniflare's", () => {
  expectTypeOf<D1Database>().toExtend<D1Adapter.Database>()
  expectTypeOf<Awaited<ReturnType<Miniflare["getD1Database"]>>>().toExtend<D1Adapter.Database>()
  expectTypeOf<typeof D1Adapter.make>().parameter(0).toHaveProperty("database")
})

it("an object without batch or prepare is no binding", () => {
  expectTypeOf<Pick<D1DatabaseSession, "prepare">>().not.toExtend<D1Adapter.Database>()
  expectTypeOf<string>().not.toExtend<D1Adapter.Database>()
})

it("the adapter lists its keys, and has batches", () => {
  expectTypeOf<ReturnType<typeof D1Adapter.make>>().toExtend<ListingAdapter>()
})
