/**
 * Cloudflare's stores in the vendor's own runtime, which is started for the run. Each worker reaches the bindings over
 * HTTP, through a proxy of its own, which counts the requests: one for each call of a binding.
 */
import type { Adapter } from "@cache-locking/core"
import type { MiniflareOptions } from "miniflare"
import { counted } from "./ServerStore.ts"
import type { Store } from "./Store.ts"

type Servers = typeof import("@cache-locking/test-servers")

const cloudflareStore = (
  name: string,
  product: string,
  worker: (servers: Servers) => Partial<MiniflareOptions> & { readonly script: string },
  adapterAt: (url: string, prefix: string, servers: Servers) => Promise<Adapter>
): Store => ({
  name,
  summary: `${product}, in workerd, started for the run`,
  protocols: [],

  open: async () => {
    const servers = await import("@cache-locking/test-servers")
    const miniflare = await servers.WorkersRuntime.start({ modules: true, ...worker(servers) })
    const { href: url, port } = await miniflare.ready
    const proxied = { target: { host: "127.0.0.1", port: Number(port), url }, reader: servers.httpCommands }
    return {
      title: `${product}, in workerd, started for this run`,
      attach: () => counted(proxied, { nameOf: ({ args, name }) => `${name} ${args[0]?.split("?")[0]}` }),
      [Symbol.asyncDispose]: () => miniflare.dispose()
    }
  },

  connect: async ({ url }, prefix) => {
    const adapter = await adapterAt(url, prefix, await import("@cache-locking/test-servers"))
    // Opens the connection, so that no caller waits for it.
    await fetch(url)
    return { adapter }
  }
})

const d1At = async (url: string, prefix: string, { WorkersBridge }: Servers): Promise<Adapter> => {
  const { D1Adapter } = await import("@cache-locking/cloudflare-d1")
  return D1Adapter.make({ database: WorkersBridge.d1(url), table: `cache ${prefix}`, setup: true })
}

export const D1Store = cloudflareStore(
  "cloudflare-d1",
  "Cloudflare D1",
  ({ WorkersBridge: { script } }) => ({ script, d1Databases: ["DB"] }),
  d1At
)

export const KvStore = cloudflareStore(
  "cloudflare-kv",
  "Cloudflare KV with leases in D1",
  ({ WorkersBridge: { script } }) => ({ script, d1Databases: ["DB"], kvNamespaces: ["KV"] }),
  async (url, prefix, servers) => {
    const { KvAdapter } = await import("@cache-locking/cloudflare-kv")
    const leases = await d1At(url, prefix, servers)
    return KvAdapter.make({ namespace: servers.WorkersBridge.kv(url), prefix: `${prefix}:`, leases })
  }
)

export const R2Store = cloudflareStore(
  "r2",
  "Cloudflare R2",
  ({ R2Bridge: { script } }) => ({ script, r2Buckets: ["R2"] }),
  async (url, prefix, { R2Bridge }) => {
    const { R2Adapter } = await import("@cache-locking/r2")
    return R2Adapter.make({ bucket: R2Bridge.binding(url), prefix: prefix.replace(/[^\w.-]/g, "-") })
  }
)
