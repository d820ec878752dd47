/**
 * A Cloudflare D1 in the vendor's own runtime, which is started for the run. Each worker reaches its Worker over HTTP,
 * through a proxy of its own, which counts the requests: one for each request to D1.
 */
import type { Store } from "./Store.ts"

interface Place {
  readonly url: string
}

export const D1Store: Store = {
  name: "cloudflare-d1",
  summary: "Cloudflare D1 in workerd, started for the run",
  protocols: [],

  open: async () => {
    const { FaultProxy, WorkersBridge, httpCommands, WorkersRuntime } = await import("@cache-locking/test-servers")
    const miniflare = await WorkersRuntime.start({ modules: true, script: WorkersBridge.script, d1Databases: ["DB"] })
    const { href: url, port } = await miniflare.ready
    return {
      title: "Cloudflare D1 in workerd, started for this run",
      attach: async () => {
        const proxy = await FaultProxy.start({
          target: { host: "127.0.0.1", port: Number(port), url },
          reader: httpCommands
        })
        return {
          place: { url: proxy.url() } satisfies Place,
          reset: () => proxy.resetCommands(),
          commands: () => proxy.commands().map(({ args, name }) => `${name} ${args[0]}`),
          [Symbol.asyncDispose]: () => proxy.stop()
        }
      },
      [Symbol.asyncDispose]: () => miniflare.dispose()
    }
  },

  connect: async (place, prefix) => {
    const { url } = place as Place
    const [{ D1Adapter }, { WorkersBridge }] = await Promise.all([
      import("@cache-locking/cloudflare-d1"),
      import("@cache-locking/test-servers")
    ])
    const database = WorkersBridge.d1(url)
    // The connection stands before the first caller asks.
    await fetch(url)
    return {
      adapter: D1Adapter.make({ database, table: `cache ${prefix}`, setup: true }),
      close: async () => {}
    }
  }
}
