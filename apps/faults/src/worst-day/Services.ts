/** Conditions of services that have no server of ours: a gateway in front of the stand-in says their words. */
import type { IncomingMessage } from "node:http"
import { type HttpAnswer, HttpGateway, MongoGateway, WorkersBridge } from "@cache-locking/test-servers"
import type { Made, Stage } from "./Condition.ts"
import { shortly } from "./Network.ts"

type Judge = (request: IncomingMessage) => "pass" | HttpAnswer

/** A gateway that judges while the condition lasts. */
const words = (how: string, judge: Judge, lasts?: number): Made => ({
  how,
  ...(lasts !== undefined && { lasts }),
  make: async ({ lead, onEnd, url }: Stage) => {
    let inForce = false
    const gateway = await HttpGateway.start(url, { judge: (request) => (inForce ? judge(request) : "pass") })
    onEnd(() => gateway.stop())
    lead(gateway.port)
    const set = (now: boolean) => async () => {
      inForce = now
    }
    return { begin: set(true), end: set(false) }
  }
})

const aws = (status: number, name: string, message: string): HttpAnswer => ({
  status,
  type: "application/x-amz-json-1.0",
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message })
})

const isWrite = /\.(PutItem|UpdateItem|DeleteItem|TransactWriteItems|BatchWriteItem)$/

export const dynamodb = {
  full: words("writes are answered `ProvisionedThroughputExceededException`", ({ headers }) =>
    isWrite.test(String(headers["x-amz-target"]))
      ? aws(
          400,
          "ProvisionedThroughputExceededException",
          "The level of configured provisioned throughput was exceeded."
        )
      : "pass"
  ),
  failingOver: words(
    "requests are answered `InternalServerError` for a second",
    () => aws(500, "InternalServerError", "The request could not be processed."),
    shortly
  )
}

const xml = (status: number, code: string): HttpAnswer => ({
  status,
  type: "application/xml",
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`
})

export const s3 = {
  full: words("writes are answered `SlowDown`", ({ method }) => (method === "PUT" ? xml(503, "SlowDown") : "pass")),
  failingOver: words(
    "requests are answered `ServiceUnavailable` for a second",
    () => xml(503, "ServiceUnavailable"),
    shortly
  )
}

/** The error that a binding throws, as the bridge to it tells it. */
const thrown = (message: string): HttpAnswer => ({
  status: 500,
  type: "application/json",
  body: JSON.stringify({ name: "Error", message })
})

const pathOf = ({ url = "" }: IncomingMessage): string => new URL(url, "http://bridge").pathname

const lostD1 = "D1_ERROR: Internal error in D1 DB storage caused object to be reset."

export const r2 = {
  full: words("writes are answered that there were too many (10058)", (request) =>
    pathOf(request) === "/put"
      ? thrown("put: Reduce your concurrent request rate for the same object. (10058)")
      : "pass"
  ),
  failingOver: words(
    "requests are answered with an internal error (10001) for a second",
    (request) => thrown(`${pathOf(request).slice(1)}: We encountered an internal error. Please try again. (10001)`),
    shortly
  )
}

export const kv = {
  full: words("writes of values are answered 429; the leases in D1 work", (request) =>
    pathOf(request) === "/kv/put" ? thrown("KV PUT failed: 429 Too Many Requests") : "pass"
  ),
  failingOver: words(
    "requests to KV are answered 500, and those to D1 that its storage was reset, for a second",
    (request) => {
      const [, store, verb] = pathOf(request).split("/")
      return thrown(store === "d1" ? lostD1 : `KV ${verb?.toUpperCase()} failed: 500 Internal Server Error`)
    },
    shortly
  )
}

export const d1 = {
  full: {
    how: "a trigger refuses each write in the words of a full database (`SQLITE_FULL`)",
    make: ({ url }) => {
      const database = WorkersBridge.d1(url)
      const run = (sql: string) => database.prepare(sql).all()
      const verbs = ["INSERT", "UPDATE"]
      return {
        begin: async () => {
          for (const verb of verbs)
            await run(
              `CREATE TRIGGER no_room_${verb} BEFORE ${verb} ON cache_locking BEGIN SELECT RAISE(ABORT, 'database or disk is full: SQLITE_FULL'); END`
            )
        },
        end: async () => {
          for (const verb of verbs) await run(`DROP TRIGGER no_room_${verb}`)
        }
      }
    }
  },
  failingOver: words("requests are answered that the storage was reset, for a second", () => thrown(lostD1), shortly)
} satisfies Record<string, Made>

const mongo = (how: string, judge: Parameters<typeof MongoGateway.start>[1], lasts?: number): Made => ({
  how,
  ...(lasts !== undefined && { lasts }),
  make: async ({ lead, onEnd, url }) => {
    let inForce = false
    const { hostname: host, port } = new URL(url)
    const judged: typeof judge = (command) => (inForce ? judge(command) : "pass")
    const gateway = await MongoGateway.start({ host, port: Number(port) }, judged)
    onEnd(() => gateway.stop())
    lead(gateway.port)
    const set = (now: boolean) => async () => {
      inForce = now
    }
    return { begin: set(true), end: set(false) }
  }
})

const writes: ReadonlySet<string> = new Set(["findandmodify", "update", "insert", "delete"])

export const mongodb = {
  full: mongo("writes are answered `OutOfDiskSpace` (14031)", (command) =>
    writes.has(command)
      ? { code: 14_031, codeName: "OutOfDiskSpace", errmsg: "available disk space is less than required" }
      : "pass"
  ),
  readOnly: mongo("writes are answered `NotWritablePrimary` (10107)", (command) =>
    writes.has(command) ? { code: 10_107, codeName: "NotWritablePrimary", errmsg: "not primary" } : "pass"
  ),
  failingOver: mongo(
    "commands are answered `PrimarySteppedDown` (189) for a second",
    (command) =>
      command === "hello" || command === "ismaster"
        ? "pass"
        : { code: 189, codeName: "PrimarySteppedDown", errmsg: "the primary stepped down" },
    shortly
  )
}
