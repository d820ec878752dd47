/** Cloudflare's stores in the vendor's own runtime. A process reaches their bindings over HTTP, so through a proxy too. */
import { WorkersRuntime } from "@cache-locking/test-servers"
import type { Opened } from "./Backend.ts"

type Bindings = Omit<Parameters<typeof WorkersRuntime.start>[0], "port">

/** The runtime with these bindings; `prepare` makes what an adapter needs in empty ones. */
export const openWorkers = async (
  title: string,
  bindings: Bindings,
  prepare: (url: string) => Promise<unknown> = async () => {}
): Promise<Opened> => {
  const start = (port?: number) =>
    WorkersRuntime.start({
      modules: true,
      compatibilityDate: "2026-07-01",
      ...bindings,
      ...(port !== undefined && { port })
    } as Parameters<typeof WorkersRuntime.start>[0])
  let runtime = await start()
  const { href: url, port } = await runtime.ready
  await prepare(url)
  return {
    title,
    target: { host: "127.0.0.1", port: Number(port), url },
    // It is no process of ours that could be stopped for a while.
    faults: [],
    pause: async () => {},
    kill: () => runtime.dispose(),
    restart: async () => {
      runtime = await start(Number(port))
      await prepare(url)
    },
    close: () => runtime.dispose()
  }
}

/** A binding of which these methods are counted while they are under way. */
export const counting = <A extends object>(binding: A, names: ReadonlyArray<keyof A & string>) => {
  let under = 0
  const counted = Object.create(binding) as A
  for (const name of names) {
    const method = binding[name] as (...args: ReadonlyArray<unknown>) => Promise<unknown>
    const call = (...args: ReadonlyArray<unknown>): Promise<unknown> => {
      under++
      return method.apply(binding, args as Array<unknown>).finally(() => under--)
    }
    Object.defineProperty(counted, name, { value: call })
  }
  return { binding: counted, queued: (): number => under }
}
