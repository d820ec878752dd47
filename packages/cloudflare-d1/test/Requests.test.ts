/** Requests of one isolate, at once, on the platform itself: none may settle what another one waits for. */
import { WorkersBundle, WorkersRuntime } from "@cache-locking/test-servers"
import type { Miniflare } from "miniflare"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const requests = 10
const loadTime = 300

/** By key. */
const loads = new Map<string, number>()
/** By key: the loads that take longer. */
const slow = new Map<string, number>()

const origin = async ({ url }: { readonly url: string }) => {
  const key = new URL(url).pathname.slice(1)
  const count = (loads.get(key) ?? 0) + 1
  loads.set(key, count)
  await new Promise((resolve) => setTimeout(resolve, slow.get(key) ?? loadTime))
  return new Response(`load ${count}`) as never
}

const entry = `
import { waitUntil } from "cloudflare:workers"
import { worker } from "./RequestsWorker.ts"
export default worker(waitUntil)
`

/** Code that hides the platform's first sign. */
const hiding = `${entry}globalThis.navigator = { userAgent: "mine" }\n`

const today = "2026-07-01"

const platforms = [
  { name: "today", compatibilityDate: today, text: entry },
  {
    name: "without a global navigator",
    compatibilityDate: today,
    compatibilityFlags: ["no_global_navigator"],
    text: entry
  },
  { name: "with a navigator of its own", compatibilityDate: today, text: hiding },
  { name: "by its oldest rules", compatibilityDate: "2021-11-03", text: entry }
] as const

describe.each(platforms)("Workers $name", ({ name, text, ...options }) => {
  let miniflare: Miniflare
  beforeAll(async () => {
    const beside = new URL("./fixtures/", import.meta.url).pathname
    const script = await WorkersBundle.bundle({ text, beside }, { external: ["cloudflare:workers"] })
    const isolate = (isolate: string) => ({
      name: isolate,
      modules: true as const,
      script,
      ...options,
      compatibilityFlags: [...("compatibilityFlags" in options ? options.compatibilityFlags : [])],
      d1Databases: { DB: "shared" },
      serviceBindings: { ORIGIN: origin }
    })
    miniflare = await WorkersRuntime.start({ workers: [isolate("one"), isolate("two")] })
  })
  afterAll(() => miniflare?.dispose())

  const ask = async (isolate: string, path: string, key: string) => {
    const response = await (await miniflare.getWorker(isolate)).fetch(`http://worker${path}?key=${key}`)
    return { status: response.status, text: await response.text() }
  }

  it.each(["/imported", "/imported-by-call", "/context", "/none"])(
    `answer ${requests} requests at once by one load: %s`,
    async (path) => {
      const key = `${name}${path}`.replaceAll(/[ /]/g, "-")
      await ask("one", path, `warm-${key}`)
      const answers = await Promise.all(Array.from({ length: requests }, () => ask("one", path, key)))
      expect(answers).toEqual(Array(requests).fill({ status: 200, text: "load 1" }))
      expect(loads.get(key)).toBe(1)
    }
  )

  it("find the value although the request that followed for them was cut off", async () => {
    const key = `${name}-followed`.replaceAll(" ", "-")
    slow.set(key, 2_000)
    const leader = ask("one", "/none", key)
    await expect.poll(() => loads.get(key)).toBe(1)
    const cutOff = ask("two", "/cut-off", key)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const joiners = Array.from({ length: 5 }, () => ask("two", "/none", key))
    expect(await cutOff).toEqual({ status: 200, text: "gone" })
    expect(await leader).toEqual({ status: 200, text: "load 1" })
    expect(await Promise.all(joiners)).toEqual(Array(5).fill({ status: 200, text: "load 1" }))
    expect(loads.get(key)).toBe(1)
  })
})
