/** A D1 and a KV of the vendor's own runtime, reached from Node over HTTP. */
import type { Miniflare } from "miniflare"
import { d1, kv, script } from "./WorkersBridge.ts"
import * as WorkersRuntime from "./WorkersRuntime.ts"

export class WorkersBackend {
  readonly host = "127.0.0.1"
  readonly url: string
  readonly port: number
  readonly miniflare: Miniflare

  private constructor(miniflare: Miniflare, { href, port }: URL) {
    this.miniflare = miniflare
    this.url = href
    this.port = Number(port)
  }

  /** @param port the port of an earlier one, to replace it */
  static async start(port?: number): Promise<WorkersBackend> {
    const miniflare = await WorkersRuntime.start({
      modules: true,
      script,
      compatibilityDate: "2026-07-01",
      d1Databases: ["DB"],
      kvNamespaces: ["KV"],
      ...(port === undefined ? {} : { port })
    })
    return new WorkersBackend(miniflare, await miniflare.ready)
  }

  /** The Worker's binding. Another object at each call: another client. */
  database(): ReturnType<typeof d1> {
    return d1(this.url)
  }

  /** The Worker's binding. Another object at each call: another client. */
  namespace(): ReturnType<typeof kv> {
    return kv(this.url)
  }

  stop(): Promise<void> {
    return this.miniflare.dispose()
  }
}
