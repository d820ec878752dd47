/**
 * A Cloudflare R2 in the vendor's own runtime, which is started for the run. Each worker reaches its Worker over HTTP,
 * through a proxy of its own, which counts the requests: one for each call of the binding.
 */
import type { Store } from "./Store.ts"

interface Place {
  readonly url: string
}

export const R2Store: Store = {
  name: "r2",
  summary: "Cloudflare R2 in workerd, started for the run",
  protocols: [],

  open: async () => {
    const { FaultProxy, R2Bridge, httpCommands, WorkersRuntime } = await import("@cache-locking/test-servers")
    const miniflare = await WorkersRuntime.start({ modules: true, script: R2Bridge.script, r2Buckets: ["R2"] })
    const { href: url, port } = await miniflare.ready
    return {
      title: "Cloudflare R2 in workerd, started for this run",
      attach: async () => {
        const target = { host: "127.0.0.1", port: Number(port), url }
        const proxy = await FaultProxy.start({ target, reader: httpCommands })
        return {
          place: { url: proxy.url() } satisfies Place,
          reset: () => proxy.resetCommands(),
          commands: () => proxy.commands().map(({ args }) => args[0]!.split("?")[0]!.slice(1)),
          [Symbol.asyncDispose]: () => proxy.stop()
        }
      },
      [Symbol.asyncDispose]: () => miniflare.dispose()
    }
  },

  connect: async (place, prefix) => {
    const { url } = place as Place
    const [{ R2Adapter }, { R2Bridge }] = await Promise.all([
      import("@cache-locking/r2"),
      import("@cache-locking/test-servers")
    ])
    // The connection stands before the first caller asks.
    await fetch(url)
    const adapter = R2Adapter.make({ bucket: R2Bridge.binding(url), prefix: prefix.replace(/[^\w.-]/g, "-") })
    return { adapter, close: async () => {} }
  }
}
