/**
 * Cloudflare KV for values and D1 for leases, in the vendor's own runtime, which is started for the run. Each worker reaches its
 * Worker over HTTP, through a proxy of its own, which counts the requests to both.
 */
import type { Store } from "./Store.ts"

interface Place {
  readonly url: string
}

export const KvStore: Store = {
  name: "cloudflare-kv",
  summary: "Cloudflare KV with leases in D1, in workerd, started for the run",
  protocols: [],

  open: async () => {
    const { FaultProxy, WorkersBridge, httpCommands, WorkersRuntime } = await import("@cache-locking/test-servers")
    const bindings = { d1Databases: ["DB"], kvNamespaces: ["KV"] }
    const miniflare = await WorkersRuntime.start({ modules: true, script: WorkersBridge.script, ...bindings })
    const { href: url, port } = await miniflare.ready
    return {
      title: "Cloudflare KV with leases in D1, in workerd, started for this run",
      attach: async () => {
        const proxy = await FaultProxy.start({
          target: { host: "127.0.0.1", port: Number(port), url },
          reader: httpCommands
        })
        return {
          place: { url: proxy.url() } satisfies Place,
          reset: () => proxy.resetCommands(),
          commands: () => proxy.commands().map(({ args, name }) => `${name} ${args[0]?.split("?")[0]}`),
          [Symbol.asyncDispose]: () => proxy.stop()
        }
      },
      [Symbol.asyncDispose]: () => miniflare.dispose()
    }
  },

  connect: async (place, prefix) => {
    const { url } = place as Place
    const [{ D1Adapter }, { KvAdapter }, { WorkersBridge }] = await Promise.all([
      import("@cache-locking/cloudflare-d1"),
      import("@cache-locking/cloudflare-kv"),
      import("@cache-locking/test-servers")
    ])
    const leases = D1Adapter.make({ database: WorkersBridge.d1(url), table: `cache ${prefix}`, setup: true })
    // The connection stands before the first caller asks.
    await fetch(url)
    return {
      adapter: KvAdapter.make({ namespace: WorkersBridge.kv(url), prefix: `${prefix}:`, leases }),
      close: async () => {}
    }
  }
}
