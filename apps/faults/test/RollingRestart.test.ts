/** A rolling restart of four processes under load over a real Redis: nobody waits for a process that is gone. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Redis } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import * as Effect from "effect/Effect"
import { beforeEach, expect, it, onTestFinished } from "vitest"
import { backendOf } from "../src/backends/Backends.ts"
import { keys, leaseTtl, type Order, type Served } from "./support/Server.ts"

const script = fileURLToPath(new URL("./support/Server.ts", import.meta.url))

/** A process of the restart. */
class Server {
  readonly owner: string
  private readonly child: ChildProcess
  private served: Served | undefined
  /** Settles when it is under load. */
  readonly serving: Promise<void>

  constructor(owner: string, url: string, prefix: string) {
    this.owner = owner
    this.child = fork(script, [owner, url, prefix], { execArgv: [...process.execArgv] })
    this.serving = new Promise((resolve) => {
      this.child.on("message", (message: "serving" | Served) => {
        if (message === "serving") resolve()
        else this.served = message
      })
    })
    onTestFinished(() => void this.child.kill("SIGKILL"))
  }

  /** Ends it, and returns its report if it made one. */
  async end(order: Order): Promise<Served | undefined> {
    const exit = new Promise((resolve) => this.child.once("exit", resolve))
    this.child.send(order)
    await exit
    return this.served
  }
}

await overServer(Redis.start(), (redis) => {
  let prefix: string

  beforeEach(({ task }) => {
    prefix = `rolling-${task.id}`
  })

  /** The leases of an owner, as another process sees them. */
  const leasesOf = async (owner: string): Promise<ReadonlyArray<string>> => {
    const { adapter, close } = await (await backendOf("redis")).connect(redis.url, {
      prefix,
      commandTimeout: 5_000,
      client: "hasty"
    })
    const found = await Promise.all(keys.map((key) => Effect.runPromise(adapter.read(key))))
    await close()
    return keys.filter((_, i) => found[i]!.lease?.owner?.startsWith(`${owner}:`))
  }

  it("leaves no lease behind, whether loads are awaited or ended, and no call waits for one", async () => {
    const start = async (n: number): Promise<Server> => {
      const server = new Server(`p${n}`, redis.url, prefix)
      await server.serving
      return server
    }
    const servers = await Promise.all([0, 1, 2, 3].map(start))
    const reports: Array<Served> = []
    const stop = async (loads: "await" | "end"): Promise<void> => {
      const leaving = servers.shift()!
      const served = await leaving.end({ loads })
      expect(await leasesOf(leaving.owner)).toEqual([])
      expect(served, "it shut down").toBeDefined()
      expect(served!.failures.filter((kind) => loads === "await" || kind !== "CACHE_CLOSED")).toEqual([])
      reports.push(served!)
    }
    for (let n = 4; n < 8; n++) {
      await stop(n % 2 === 0 ? "await" : "end")
      servers.push(await start(n))
    }
    while (servers.length > 0) await stop("await")
    expect(reports.length).toBe(8)
    expect(Math.min(...reports.map(({ calls }) => calls))).toBeGreaterThan(10)
    expect(reports.reduce((sum, { loads }) => sum + loads, 0)).toBeGreaterThan(20)
    expect(Math.max(...reports.map(({ longest }) => longest))).toBeLessThan(leaseTtl / 2)
  })

  it("a process that does not close leaves leases behind: the check above would see them", async () => {
    const server = new Server("crashing", redis.url, prefix)
    await server.serving
    await server.end("crash")
    expect((await leasesOf(server.owner)).length).toBeGreaterThan(0)
  })
})
