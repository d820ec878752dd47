import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import fc from "fast-check"
import { describe, expect, it, onTestFinished } from "vitest"
import { FaultProxy, httpCommands } from "../../src/index.ts"

const read = (chunks: ReadonlyArray<Buffer>) => {
  const seen: Array<[string, ReadonlyArray<string>]> = []
  const reader = httpCommands((name, args) => seen.push([name, args]))
  for (const chunk of chunks) reader.read(chunk)
  return seen
}

const request = (line: string, headers: Record<string, string>, body = ""): string =>
  `${line} HTTP/1.1\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n${body}`

const target = (operation: string) => ({ "X-Amz-Target": `DynamoDB_20120810.${operation}` })

const several = [
  request("POST /", { host: "h", ...target("GetItem"), "Content-Length": "5" }, "GET /"),
  request("GET /bucket/a%20key?list-type=2", { Host: "h" }),
  request(
    "PUT /bucket/key",
    { "transfer-encoding": "chunked" },
    "5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nq: r\r\n\r\n"
  ),
  request("HEAD /bucket", { "content-length": "0" }),
  request("POST /", { "content-length": "2", ...target("UpdateItem") }, "\r\n"),
  request("DELETE /bucket/key", {})
].join("")

const expected = [
  ["GETITEM", ["/"]],
  ["GET", ["/bucket/a%20key?list-type=2"]],
  ["PUT", ["/bucket/key"]],
  ["HEAD", ["/bucket"]],
  ["UPDATEITEM", ["/"]],
  ["DELETE", ["/bucket/key"]]
]

describe("httpCommands", () => {
  it("reads requests with bodies of known length, in chunks, and without", () => {
    expect(read([Buffer.from(several)])).toEqual(expected)
  })

  it("reads the same, wherever the bytes are cut", () => {
    const bytes = Buffer.from(several)
    expect(read([...bytes].map((byte) => Buffer.of(byte)))).toEqual(expected)
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const places = [...new Set([0, ...cuts, bytes.length])].sort((a, b) => a - b)
        expect(read(places.slice(1).map((end, i) => bytes.subarray(places[i], end)))).toEqual(expected)
      })
    )
  })

  it("tells a request when its last byte has come", () => {
    const bytes = Buffer.from(request("PUT /k", { "content-length": "3" }, "abc"))
    expect(read([bytes.subarray(0, -1)])).toEqual([])
    expect(read([bytes.subarray(0, -1), bytes.subarray(-1)])).toEqual([["PUT", ["/k"]]])
  })

  it("leaves another protocol alone", () => {
    const good = Buffer.from(request("GET /", {}))
    expect(read([Buffer.from("*1\r\n$4\r\nPING\r\n"), good])).toEqual([])
    expect(read([Buffer.from([0x16, 3, 1, 2, 0, 1, 0x0a]), good])).toEqual([])
    expect(read([Buffer.alloc(70_000, "x"), good])).toEqual([])
    expect(read([Buffer.from(request("PUT /", { "content-length": "x" })), good])).toEqual([])
    expect(read([Buffer.from(request("PUT /", { "transfer-encoding": "chunked" }, "zz\r\n")), good])).toEqual([])
  })

  it("counts what a client of today sends through a proxy", async () => {
    const server = createServer((incoming, reply) => incoming.resume().on("end", () => reply.end("ok")))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    await using proxy = await FaultProxy.start({ target: { host: "127.0.0.1", port }, reader: httpCommands })
    onTestFinished(() => server.closeAllConnections())
    const url = proxy.url("http")
    const stream = new ReadableStream({
      start: (controller) => {
        for (const part of ["a", "bc"]) controller.enqueue(new TextEncoder().encode(part))
        controller.close()
      }
    })
    await (await fetch(`${url}/a`, { method: "PUT", body: "x".repeat(100_000) })).text()
    await (await fetch(`${url}/b`, { method: "PUT", body: stream, duplex: "half" } as RequestInit)).text()
    await (await fetch(`${url}/c?d`, { method: "POST", headers: target("BatchGetItem"), body: "{}" })).text()
    expect(proxy.commands().map(({ name, args }) => [name, ...args])).toEqual([
      ["PUT", "/a"],
      ["PUT", "/b"],
      ["BATCHGETITEM", "/c?d"]
    ])
    server.close()
  })
})
