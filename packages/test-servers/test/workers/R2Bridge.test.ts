import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, expect, it } from "vitest"
import { R2Bridge } from "../../src/index.ts"

/** The Worker's own module, run here with a binding that returns its requests. */
const worker = (await import(`data:text/javascript,${encodeURIComponent(R2Bridge.script)}`)) as {
  readonly default: { readonly fetch: (request: Request, env: object) => Promise<Response> }
}

const uploaded = new Date("2026-01-01T00:00:00.500Z")
const asked: Array<unknown> = []

const objectOf = (key: string) => ({ key, etag: "e", size: 2, uploaded, customMetadata: { ends: "é" } })

const env = {
  R2: {
    get: async (name: string) => (name === "missing" ? null : { ...objectOf(name), body: Uint8Array.of(0, 255) }),
    put: async (name: string, value: ArrayBuffer, options: unknown) => {
      asked.push([name, [...new Uint8Array(value)], options])
      if (name === "fails") throw new Error("put: Reduce your concurrent request rate for the same object. (10058)")
      return name === "unmet" ? null : objectOf(name)
    },
    delete: async (name: string) => void asked.push(name),
    list: async (options: unknown) => {
      asked.push(options)
      return { objects: [objectOf("a")], truncated: true, cursor: "c" }
    }
  }
}

let server: Server
let url: string
beforeAll(async () => {
  server = createServer(async (incoming, outgoing) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of incoming) chunks.push(chunk)
    const request = new Request(new URL(incoming.url!, "http://worker"), {
      method: incoming.method!,
      body: Buffer.concat(chunks)
    })
    const response = await worker.default.fetch(request, env)
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    outgoing.end(Buffer.from(await response.arrayBuffer()))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())

it("asks the binding as it was asked, and answers what it answered", async () => {
  const r2 = R2Bridge.binding(url)
  const found = await r2.get("a?b&c=é")
  expect(found).toMatchObject(objectOf("a?b&c=é"))
  expect(new Uint8Array(await found!.arrayBuffer())).toEqual(Uint8Array.of(0, 255))
  expect(await r2.get("missing")).toBeNull()
  const options = { onlyIf: { etagMatches: "e" }, customMetadata: { ends: "1" } }
  expect(await r2.put("k", new Uint8Array([9, 1, 2]).subarray(1), options)).toEqual(objectOf("k"))
  expect(await r2.put("unmet", new Uint8Array(), options)).toBeNull()
  await r2.delete("k")
  const listing = { prefix: "a", include: ["customMetadata"] }
  expect(await r2.list(listing)).toEqual({ objects: [objectOf("a")], truncated: true, cursor: "c" })
  expect(asked).toEqual([["k", [1, 2], options], ["unmet", [], options], "k", listing])
})

it("throws what the binding threw, and of a lost connection as a Worker is told of it", async () => {
  await expect(R2Bridge.binding(url).put("fails", new Uint8Array())).rejects.toThrow(/\(10058\)/)
  await expect(R2Bridge.binding("http://127.0.0.1:1").get("k")).rejects.toThrow("Network connection lost.")
})
