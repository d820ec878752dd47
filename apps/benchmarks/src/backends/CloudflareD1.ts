import { httpCommands, WorkersBridge } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { Backend } from "./Backend.ts"

/** A Worker has it as a binding. Here the floor and our cache send requests over HTTP to such a Worker. */
export const CloudflareD1: Backend = {
  name: "Cloudflare D1",
  packages: ["miniflare"],
  words: { get: "`SELECT` by primary key", write: "`INSERT … ON CONFLICT DO NOTHING`" },
  miss: 2,
  reader: httpCommands,

  start: async () => {
    const { Miniflare } = await import("miniflare")
    const { D1Adapter } = await import("@cache-locking/cloudflare-d1")
    const miniflare = new Miniflare({ modules: true, script: WorkersBridge.script, d1Databases: ["DB"] })
    const { href: url } = await miniflare.ready
    const database = WorkersBridge.d1(url)
    await Effect.runPromise(D1Adapter.setup({ database }))
    await database.prepare("create table if not exists floor (key text primary key, value text not null)").all()
    return { title: "workerd with D1", url, stop: () => miniflare.dispose() }
  },

  open: async (url) => {
    const { D1Adapter } = await import("@cache-locking/cloudflare-d1")
    const database = WorkersBridge.d1(url)
    const get = database.prepare("select value from floor where key = ?1")
    const write = database.prepare("insert into floor values (?1, ?2) on conflict do nothing")
    return {
      adapter: D1Adapter.make({ database }),
      floor: {
        get: async (key) => ((await get.bind(key).all()).results[0] as { readonly value: string } | undefined)?.value,
        write: (key, value) => write.bind(key, value).all()
      },
      close: async () => {}
    }
  }
}
