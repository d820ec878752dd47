import { randomBytes } from "node:crypto"
import { type Collection, type Document, Long, MongoClient, MongoServerError } from "mongodb"
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext, vi } from "vitest"
import { NotControllable, orUnavailable, Unavailable } from "../../src/machine/Problem.ts"
import { MongoDb } from "../../src/mongodb/MongoDb.ts"
import { firstHost } from "../../src/mongodb/MongoProbe.ts"

let mongo: MongoDb | Unavailable
let client: MongoClient
let things: Collection<Document>
let names = 0

beforeAll(async () => {
  mongo = await orUnavailable(MongoDb.start({ own: true }))
  if (!(mongo instanceof Unavailable)) client = await MongoClient.connect(mongo.url)
})

afterAll(async () => {
  if (mongo instanceof Unavailable) return
  await client.close()
  await mongo.stop()
})

beforeEach((context) => {
  if (mongo instanceof Unavailable) context.skip(mongo.message)
  else things = client.db("test").collection(`things-${++names}`)
})

const standIn = (context: TestContext) => {
  if (!(mongo instanceof Unavailable) && mongo.engine !== "documentdb") context.skip("this is MongoDB itself")
}

const failure = async (promise: Promise<unknown>): Promise<MongoServerError> => {
  const error = await promise.then(
    () => undefined,
    (error) => error
  )
  expect(error).toBeInstanceOf(MongoServerError)
  return error
}

describe("MongoDb answers the driver", () => {
  it("with what was written, byte for byte and in order", async () => {
    const bytes = randomBytes(100_000)
    const document = { _id: "kéy 🔑", bytes, long: Long.fromString("9007199254740993"), nothing: null, at: new Date(5) }
    await things.insertOne(document as Document)
    const found = await things.findOne({ _id: "kéy 🔑" } as Document, { promoteLongs: false })
    expect(Buffer.from(found?.["bytes"].buffer).equals(bytes)).toBe(true)
    expect(String(found?.["long"])).toBe("9007199254740993")
    expect(Object.keys(found ?? {})).toEqual(["_id", "bytes", "long", "nothing", "at"])
    expect(found?.["at"]).toEqual(new Date(5))
  })

  it("with the counts of updates and deletes", async () => {
    await things.insertMany(Array.from({ length: 10 }, (_, n) => ({ n, even: n % 2 === 0 })))
    expect(await things.updateMany({ even: true }, { $inc: { n: 100 } })).toMatchObject({ matchedCount: 5 })
    expect(await things.deleteMany({ n: { $gte: 100 } })).toEqual({ acknowledged: true, deletedCount: 5 })
    expect(await things.countDocuments({})).toBe(5)
    expect(await things.distinct("n")).toEqual([1, 3, 5, 7, 9])
  })

  it("with duplicate key errors, of one write and of one among many", async () => {
    await things.createIndex({ key: 1 }, { unique: true })
    await things.insertOne({ key: "a" })
    expect(await failure(things.insertOne({ key: "a" }))).toMatchObject({ code: 11_000 })
    const bulk = things.bulkWrite(
      [
        { insertOne: { document: { key: "b" } } },
        { insertOne: { document: { key: "a" } } },
        { deleteOne: { filter: { key: "b" } } }
      ],
      { ordered: false }
    )
    const error = await failure(bulk)
    expect(error).toMatchObject({ code: 11_000, insertedCount: 1, deletedCount: 1 })
    expect(error["writeErrors"]).toMatchObject([{ index: 1, code: 11_000 }])
  })

  it("with conditional upserts on its own clock", async () => {
    const take = (owner: string) =>
      things.findOneAndUpdate(
        { _id: "lease" } as Document,
        [
          {
            $set: {
              owner: { $cond: [{ $gt: ["$until", "$$NOW"] }, "$owner", owner] },
              until: {
                $cond: [
                  { $gt: ["$until", "$$NOW"] },
                  "$until",
                  { $dateAdd: { startDate: "$$NOW", unit: "second", amount: 60 } }
                ]
              }
            }
          }
        ],
        { upsert: true, returnDocument: "after" }
      )
    expect(await take("first")).toMatchObject({ owner: "first" })
    expect(await take("second")).toMatchObject({ owner: "first" })
  })

  it("with one winner of a race", async () => {
    const owners = Array.from({ length: 50 }, (_, i) => `owner-${i}`)
    const seen = await Promise.all(
      owners.map((owner) =>
        things.findOneAndUpdate({ _id: "race" } as Document, [{ $set: { owner: { $ifNull: ["$owner", owner] } } }], {
          upsert: true,
          returnDocument: "after"
        })
      )
    )
    expect(new Set(seen.map((document) => document?.["owner"])).size).toBe(1)
    expect(await things.countDocuments({})).toBe(1)
    await Promise.all(owners.map(() => things.updateOne({ _id: "race" } as Document, { $inc: { n: 1 } })))
    expect(await things.findOne({})).toMatchObject({ n: 50 })
  })

  it("page by page", async () => {
    await things.insertMany(Array.from({ length: 1000 }, (_, n) => ({ n })))
    const all = await things.find({}, { batchSize: 90 }).sort({ n: 1 }).toArray()
    expect(all.map(({ n }) => n)).toEqual(Array.from({ length: 1000 }, (_, n) => n))
    const unfinished = things.find({}, { batchSize: 10 })
    await unfinished.next()
    await unfinished.close()
    const totals = await things.aggregate([{ $group: { _id: { $mod: ["$n", 2] }, sum: { $sum: "$n" } } }]).toArray()
    expect(totals).toHaveLength(2)
  })

  it("about indexes, once and again", async () => {
    await things.insertOne({ at: new Date() })
    expect(await things.createIndex({ at: 1 }, { expireAfterSeconds: 0 })).toBe("at_1")
    expect(await things.createIndex({ at: 1 }, { expireAfterSeconds: 0 })).toBe("at_1")
    expect(await failure(things.createIndex({ at: 1 }, { name: "at_1", unique: true }))).toMatchObject({
      codeName: expect.stringMatching(/^Index/)
    })
    expect(await things.indexes()).toMatchObject([{ name: "_id_" }, { name: "at_1", expireAfterSeconds: 0 }])
    await things.dropIndex("at_1")
    expect(await things.indexes()).toHaveLength(1)
  })

  it("about collections and databases", async () => {
    const db = client.db("other")
    await db.createCollection("one")
    expect((await db.listCollections().toArray()).map(({ name }) => name)).toEqual(["one"])
    expect((await client.db().admin().listDatabases()).databases.map(({ name }) => name)).toContain("other")
    expect(await db.dropCollection("one")).toBe(true)
    await db.dropDatabase()
  })

  it("plainly, where it cannot do it", async (context) => {
    expect(await failure(client.db("test").command({ noSuchThing: 1 }))).toMatchObject({ code: 59 })
    expect(await failure(things.updateOne({}, { $noSuchOperator: { a: 1 } }))).toMatchObject({ code: 9 })
    standIn(context)
    const session = client.startSession()
    try {
      const within = session.withTransaction(() => things.insertOne({ a: 1 }, { session }))
      await expect(within).rejects.toThrow("does not support retryable writes")
    } finally {
      await session.endSession()
    }
    await expect(things.watch().next()).rejects.toThrow("only supported on replica sets")
  })
})

describe("MongoDb as a server", () => {
  it("is used when the environment gives it, and not ours to control", async (context) => {
    if (mongo instanceof Unavailable) return context.skip(mongo.message)
    vi.stubEnv("MONGODB_URL", mongo.url)
    const given = await MongoDb.start()
    vi.unstubAllEnvs()
    expect(given).toMatchObject({
      url: mongo.url,
      controllable: false,
      origin: { how: "environment", version: "7.0.0" }
    })
    await expect(given.restart()).rejects.toBeInstanceOf(NotControllable)
  })

  it("answers nothing while paused, and is empty after a restart", async (context) => {
    if (mongo instanceof Unavailable) return context.skip(mongo.message)
    await things.insertOne({ a: 1 })
    await mongo.pause()
    let answered = false
    const late = things.countDocuments({}).finally(() => {
      answered = true
    })
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(answered).toBe(false)
    await mongo.resume()
    expect(await late).toBe(1)
    await mongo.restart()
    await using again = await MongoClient.connect(mongo.url)
    expect(await again.db("test").collection(things.collectionName).countDocuments({})).toBe(0)
  })
})

describe("the URL of MongoDB", () => {
  it("names its first server, unless that must be looked up", () => {
    expect(firstHost("mongodb://me:p%40ss@a:1,b:2/db?replicaSet=rs")).toEqual({ host: "a", port: 1 })
    expect(firstHost("mongodb://a/?x=1")).toEqual({ host: "a", port: 27_017 })
    expect(firstHost("mongodb+srv://a/")).toBeUndefined()
  })
})
