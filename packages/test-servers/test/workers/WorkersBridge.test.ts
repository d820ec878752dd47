import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, expect, it } from "vitest"
import { WorkersBridge } from "../../src/index.ts"

/** The Worker's own module, run here with bindings that return their requests. */
const worker = (await import(`data:text/javascript,${encodeURIComponent(WorkersBridge.script)}`)) as {
  readonly default: { readonly fetch: (request: Request, env: object) => Promise<Response> }
}

const asked: Array<unknown> = []
const kept = new Map<string, { readonly value: ArrayBuffer; readonly options: unknown }>()

interface Prepared {
  readonly sql: string
  readonly values: ReadonlyArray<unknown>
}

const answer = ({ sql, values }: Prepared) => {
  asked.push([sql, ...values])
  if (sql === "fail") throw Object.assign(new Error("D1_ERROR: no such table: x"), { name: "D1Error" })
  return { results: [{ sql }], meta: { rows_read: 1, rows_written: 0 } }
}

const prepared = (sql: string, values: ReadonlyArray<unknown>) => ({
  sql,
  values,
  bind: (...bound: ReadonlyArray<unknown>) => prepared(sql, bound),
  all: async () => answer({ sql, values })
})

const env = {
  DB: {
    prepare: (sql: string) => prepared(sql, []),
    batch: async (statements: ReadonlyArray<Prepared>) => statements.map(answer)
  },
  KV: {
    getWithMetadata: async (name: string) => {
      const found = kept.get(name)
      const metadata = (found?.options as { readonly metadata?: unknown } | undefined)?.metadata ?? null
      return { value: found?.value ?? null, metadata }
    },
    put: async (name: string, value: ArrayBuffer, options: unknown) => void kept.set(name, { value, options }),
    delete: async (name: string) => void kept.delete(name)
  }
}

let server: Server
let url = ""
beforeAll(async () => {
  server = createServer(async (incoming, outgoing) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const init = incoming.method === "POST" ? { method: "POST", body: Buffer.concat(chunks) } : {}
    const response = await worker.default.fetch(new Request(new URL(incoming.url!, url), init), env)
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    outgoing.end(Buffer.from(await response.arrayBuffer()))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

it("carries statements, alone and as one batch, with numbers, texts, nulls and bytes", async () => {
  const database = WorkersBridge.d1(url)
  asked.length = 0
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
  const odd = "a\0b\ufeff😀'\""
  expect(await database.prepare("one").bind(1.5, odd, null, bytes).all()).toMatchObject({ results: [{ sql: "one" }] })
  const answers = await database.batch([database.prepare("two"), database.prepare("three").bind(3)])
  expect(answers.map(({ results }) => results)).toEqual([[{ sql: "two" }], [{ sql: "three" }]])
  expect(asked).toEqual([["one", 1.5, odd, null, bytes], ["two"], ["three", 3]])
})

it("tells what the binding threw", async () => {
  const database = WorkersBridge.d1(url)
  await expect(database.prepare("fail").all()).rejects.toMatchObject({
    name: "D1Error",
    message: "D1_ERROR: no such table: x"
  })
})

it("carries values, with what is kept beside them", async () => {
  const namespace = WorkersBridge.kv(url)
  const name = "a/b?c&d=é😀"
  const all = Uint8Array.from({ length: 256 }, (_, at) => at)
  await namespace.put(name, all.subarray(10, 20), { expirationTtl: 60, metadata: { overAt: 1, note: "é" } })
  const found = await namespace.getWithMetadata(name)
  expect(new Uint8Array(found.value!)).toEqual(Uint8Array.from(all.subarray(10, 20)))
  expect(found.metadata).toEqual({ overAt: 1, note: "é" })
  await namespace.put(name, new ArrayBuffer(0))
  expect(await namespace.getWithMetadata(name)).toEqual({ value: new ArrayBuffer(0), metadata: null })
  await namespace.delete(name)
  expect(await namespace.getWithMetadata(name)).toEqual({ value: null, metadata: null })
})
