import { describe, expect, it, vi } from "vitest"
import { S3Moto } from "../../src/aws/S3Moto.ts"
import { orSkip } from "../fixtures/Support.ts"

const authorization =
  "AWS4-HMAC-SHA256 Credential=local/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"

const call = async (url: string, method: string, headers: Record<string, string> = {}, body?: string) => {
  const response = await fetch(url, {
    method,
    headers: { authorization, ...headers },
    ...(body === undefined ? {} : { body })
  })
  return { status: response.status, tag: response.headers.get("etag") ?? "", text: await response.text() }
}

describe("S3Moto", () => {
  it("starts, holds to conditions, forgets at a restart, and ends", async (context) => {
    await using server = await orSkip(context, S3Moto.start({ own: true }))
    const bucket = `${server.url}/bucket`
    const thing = `${bucket}/thing`
    expect(await call(bucket, "PUT")).toMatchObject({ status: 200 })
    const first = await call(thing, "PUT", { "if-none-match": "*" }, "first")
    expect(first.status).toBe(200)
    expect((await call(thing, "PUT", { "if-none-match": "*" }, "second")).status).toBe(412)
    expect((await call(thing, "PUT", { "if-match": '"other"' }, "second")).status).toBe(412)
    const second = await call(thing, "PUT", { "if-match": first.tag }, "second")
    expect(second.status).toBe(200)
    expect((await call(thing, "DELETE", { "if-match": first.tag })).status).toBe(412)
    expect(await call(thing, "GET")).toMatchObject({ text: "second", tag: second.tag })
    expect((await call(thing, "DELETE", { "if-match": second.tag })).status).toBe(204)

    vi.stubEnv("S3_URL", server.url.replace("//", "//key:secret@"))
    expect(await S3Moto.start()).toMatchObject({ controllable: false, origin: { how: "environment" } })
    vi.unstubAllEnvs()

    await server.restart()
    expect((await call(thing, "GET")).status).toBe(404)
    await server.kill()
    await expect(fetch(server.url)).rejects.toThrow()
  })

  it("lets one of many creators win", async (context) => {
    await using server = await orSkip(context, S3Moto.start({ own: true }))
    await call(`${server.url}/bucket`, "PUT")
    const puts = Array.from({ length: 20 }, (_, i) =>
      call(`${server.url}/bucket/race`, "PUT", { "if-none-match": "*" }, String(i))
    )
    const statuses = (await Promise.all(puts)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  })

  it("lets one of many writers over one version win, each time", async (context) => {
    await using server = await orSkip(context, S3Moto.start({ own: true }))
    await call(`${server.url}/bucket`, "PUT")
    let { tag } = await call(`${server.url}/bucket/race`, "PUT", {}, "first")
    for (let round = 0; round < 20; round++) {
      const puts = Array.from({ length: 20 }, (_, i) =>
        call(`${server.url}/bucket/race`, "PUT", { "if-match": tag }, `${round} ${i}`)
      )
      const won = (await Promise.all(puts)).filter(({ status }) => status === 200)
      expect(won).toHaveLength(1)
      tag = won[0]!.tag
    }
  })
})
