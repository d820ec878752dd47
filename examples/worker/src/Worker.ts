/** A Worker whose route `/pages/…` costs its origin one call a minute, however many requests come in, and wherever. */
import { D1Adapter } from "@cache-locking/cloudflare-d1"
import { createCache } from "@cache-locking/core/promise"

export interface Env {
  readonly DB: D1Adapter.Database
  /** The URL that pages come from. */
  readonly ORIGIN: string
}

interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void
}

interface Page {
  readonly status: number
  readonly body: string
}

const route = /^\/pages\/([\w-]+)$/

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const name = route.exec(new URL(request.url).pathname)?.[1]
    if (name === undefined) return new Response("not found", { status: 404 })
    // A cache for each request, because in a Worker all work belongs to a request. It costs some ten microseconds.
    const cache = createCache<Page>({
      adapter: D1Adapter.make({ database: env.DB }),
      cacheTtl: ({ status }) => (status === 200 ? "1 minute" : "5 seconds"),
      staleWhileRevalidate: "1 hour",
      staleIfError: "1 day",
      // A refresh goes on after the response.
      waitUntil: (work) => ctx.waitUntil(work)
    })
    const { meta, value } = await cache.getOrSetWithMeta(name, async ({ signal }) => {
      const answer = await fetch(`${env.ORIGIN}/${name}`, { signal })
      if (answer.status >= 500) throw new Error(`the origin answers ${answer.status}`)
      return { status: answer.status, body: await answer.text() }
    })
    return new Response(value.body, { status: value.status, headers: { "x-cache": meta.cache } })
  }
}
