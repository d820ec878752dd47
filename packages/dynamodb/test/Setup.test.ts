import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  UpdateTimeToLiveCommand
} from "@aws-sdk/client-dynamodb"
import { failureOf, put, run } from "@cache-locking/conformance-kit/testing"
import { InvalidOption } from "@cache-locking/core"
import { DynamoDbLocal } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { clientOf, connect, proxyOf } from "./fixtures/Support.ts"

const idle = connect("http://127.0.0.1:1", { maxAttempts: 1 })

describe("definition", () => {
  it("returns the table that would be made, and changes nothing", () => {
    expect(DynamoDbAdapter.definition({ table: "app-cache" })).toEqual({
      table: {
        TableName: "app-cache",
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: [{ AttributeName: "cacheKey", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "cacheKey", KeyType: "HASH" }]
      },
      timeToLive: {
        TableName: "app-cache",
        TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true }
      }
    })
    expect(DynamoDbAdapter.definition().table.TableName).toBe("cache-locking")
  })

  it("refuses bad options, and so does setup", () => {
    expect(() => DynamoDbAdapter.definition({ table: "no table" })).toThrow(InvalidOption)
    expect(() => DynamoDbAdapter.setup({ client: idle, table: "no table" })).toThrow(InvalidOption)
    expect(() => DynamoDbAdapter.setup({ client: idle, timeout: "soon" as never })).toThrow(InvalidOption)
    expect(() => DynamoDbAdapter.setup({ client: {} as never })).toThrow(InvalidOption)
    expect(() => DynamoDbAdapter.setup({ client: idle, prefix: "x" } as never)).toThrow(InvalidOption)
  })
})

describe("setup without a service", () => {
  it("fails, typed, and may be tried again", async () => {
    const error = await failureOf(DynamoDbAdapter.setup({ client: idle, table: "somewhere" }))
    expect(error).toBeInstanceOf(DynamoDbAdapter.SetupFailed)
    expect(error).toMatchObject({ table: "somewhere", reason: "Unavailable", retryable: true })
  })
})

await overServer(DynamoDbLocal.start({ own: true }), (server) => {
  const ours = (table: string) => DynamoDbAdapter.definition({ table }).table

  const stateOf = async (table: string) => {
    const client = clientOf(server.url)
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }))
    const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }))
    return { keys: Table?.KeySchema, created: Table?.CreationDateTime, expiry: TimeToLiveDescription }
  }

  it("makes a table that an adapter works with, and is safe to repeat", async () => {
    const client = clientOf(server.url)
    await run(DynamoDbAdapter.setup({ client, table: "made" }))
    const made = await stateOf("made")
    expect(made).toMatchObject({
      keys: ours("made").KeySchema,
      expiry: { TimeToLiveStatus: "ENABLED", AttributeName: "expiresAt" }
    })
    const adapter = DynamoDbAdapter.make({ client, table: "made", commandTimeout: "10 seconds" })
    await put(adapter, "k")
    await run(DynamoDbAdapter.setup({ client, table: "made" }))
    expect(await stateOf("made")).toEqual(made)
    expect((await run(adapter.read("k"))).value).toBeDefined()
  })

  it("finishes the work of another: a table without expiry yet", async () => {
    const client = clientOf(server.url)
    await client.send(new CreateTableCommand(ours("half")))
    await run(DynamoDbAdapter.setup({ client, table: "half" }))
    expect((await stateOf("half")).expiry).toMatchObject({ TimeToLiveStatus: "ENABLED" })
  })

  const foreign: Record<string, Partial<CreateTableCommandInput>> = {
    "another key": {
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }]
    },
    "a key of bytes": { AttributeDefinitions: [{ AttributeName: "cacheKey", AttributeType: "B" }] },
    "a sort key": {
      AttributeDefinitions: [
        { AttributeName: "cacheKey", AttributeType: "S" },
        { AttributeName: "sort", AttributeType: "S" }
      ],
      KeySchema: [
        { AttributeName: "cacheKey", KeyType: "HASH" },
        { AttributeName: "sort", KeyType: "RANGE" }
      ]
    }
  }

  it.each(Object.keys(foreign))("refuses a table with %s, and leaves it as it is", async (what) => {
    const table = what.replaceAll(" ", "-")
    const client = clientOf(server.url)
    await client.send(new CreateTableCommand({ ...ours(table), ...foreign[what] }))
    const before = await stateOf(table)
    const error = await failureOf(DynamoDbAdapter.setup({ client, table }))
    expect(error).toBeInstanceOf(DynamoDbAdapter.SetupFailed)
    expect(error).toMatchObject({ reason: "Unrecognised", retryable: false, message: expect.stringContaining(table) })
    expect(await stateOf(table)).toEqual(before)
    expect(before.expiry?.TimeToLiveStatus).toBe("DISABLED")
  })

  it("refuses a table that expires by another attribute", async () => {
    const client = clientOf(server.url)
    await client.send(new CreateTableCommand(ours("other-expiry")))
    const TimeToLiveSpecification = { AttributeName: "ttl", Enabled: true }
    await client.send(new UpdateTimeToLiveCommand({ TableName: "other-expiry", TimeToLiveSpecification }))
    const error = await failureOf(DynamoDbAdapter.setup({ client, table: "other-expiry" }))
    expect(error).toMatchObject({ reason: "Unrecognised", message: expect.stringContaining("expires by ttl") })
    expect((await stateOf("other-expiry")).expiry).toMatchObject({ AttributeName: "ttl" })
  })

  it("two hundred times, of several at once all succeed, and one makes the table", async () => {
    const clients = Array.from({ length: 4 }, () => clientOf(server.url))
    const created: Array<string> = []
    for (const client of clients) {
      client.middlewareStack.add(
        (next, context) => async (args) => {
          const result = await next(args)
          if (context.commandName === "CreateTableCommand")
            created.push((args.input as CreateTableCommandInput).TableName!)
          return result
        },
        { step: "initialize" }
      )
    }
    const tables = Array.from({ length: 200 }, (_, round) => `raced-${round}`)
    await run(
      Effect.forEach(
        tables,
        (table) =>
          Effect.forEach(clients, (client) => DynamoDbAdapter.setup({ client, table }), { concurrency: "unbounded" }),
        { concurrency: 4 }
      )
    )
    expect([...created].sort()).toEqual([...tables].sort())
    for (const table of tables.filter((_, index) => index % 50 === 0)) {
      expect((await stateOf(table)).expiry).toMatchObject({ TimeToLiveStatus: "ENABLED", AttributeName: "expiresAt" })
    }
  })

  it("gives up in time where nobody answers, and leaves no request behind", async () => {
    const proxy = await proxyOf(server)
    const client = clientOf(proxy.url())
    proxy.blackhole()
    const began = performance.now()
    const error = await failureOf(DynamoDbAdapter.setup({ client, table: "silent", timeout: 200 }))
    expect(error).toMatchObject({ reason: "Unavailable", message: expect.stringContaining("200 ms") })
    expect(performance.now() - began).toBeLessThan(3_000)
    await proxy.heal()
    await expect.poll(() => proxy.stats.open).toBe(0)
    await run(DynamoDbAdapter.setup({ client, table: "silent" }))
  })
})
