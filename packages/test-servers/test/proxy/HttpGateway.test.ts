import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import { HttpGateway, type HttpGatewayOptions } from "../../src/index.ts"

/** A gateway in front of a service that repeats a request's body. */
const gatewayTo = async (options: HttpGatewayOptions): Promise<HttpGateway> => {
  const service = createServer((request, response) => {
    response.setHeader("x-secret", "told")
    request.pipe(response)
  })
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void service.close())
  const gateway = await HttpGateway.start(`http://127.0.0.1:${(service.address() as AddressInfo).port}`, options)
  onTestFinished(() => gateway.stop())
  return gateway
}

it("sends a request on, or answers it in the words that it is given", async () => {
  const words = { status: 503, type: "text/plain", body: "too busy" }
  const { url } = await gatewayTo({ judge: ({ method }) => (method === "PUT" ? words : "pass"), hides: ["x-secret"] })
  const passed = await fetch(url, { method: "POST", body: "hello" })
  expect([passed.status, await passed.text(), passed.headers.get("x-secret")]).toEqual([200, "hello", null])
  const refused = await fetch(url, { method: "PUT", body: "hello" })
  expect([refused.status, await refused.text(), refused.headers.get("content-type")]).toEqual([
    503,
    "too busy",
    "text/plain"
  ])
})

it("loses an answer to a request that was carried out", async () => {
  let carriedOut = false
  const meanwhile = async () => {
    carriedOut = true
  }
  const { url } = await gatewayTo({ loses: () => true, meanwhile })
  await expect(fetch(url)).rejects.toThrow("fetch failed")
  expect(carriedOut).toBe(true)
})
