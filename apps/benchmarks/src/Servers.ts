/** The servers of a run: each is started when it is first asked for, and serves all suites that follow. */
import { orUnavailable, Unavailable } from "@cache-locking/test-servers"
import type { Served } from "./backends/Backend.ts"
import { backendOf } from "./backends/Backends.ts"
import type { NotRun } from "./report/Result.ts"
import type { Address, Suite } from "./Suite.ts"

export class Servers implements AsyncDisposable {
  private readonly started = new Map<string, Served | Unavailable>()

  async of(backend: string): Promise<Served | Unavailable> {
    const known = this.started.get(backend)
    if (known !== undefined) return known
    // A server that does not start, or cannot be set up, is left out, and the rest is measured.
    const served = await orUnavailable(backendOf(backend).start()).catch(
      (error: unknown) => new Unavailable(backend, error instanceof Error ? error.message : String(error))
    )
    this.started.set(backend, served)
    return served
  }

  /** The address of the Redis that suites use directly. */
  async redis(): Promise<Address | Unavailable> {
    const served = await this.of("Redis")
    if (served instanceof Unavailable) return served
    const { hostname, port } = new URL(served.url)
    return { host: hostname, port: Number(port || 6379) }
  }

  /** The suite with the contenders whose backends are available, the URLs of these, and the contenders left out. */
  async outfit(suite: Suite): Promise<{
    readonly suite: Suite
    readonly backends: Readonly<Record<string, string>>
    readonly notRun: ReadonlyArray<NotRun>
  }> {
    const backends: Record<string, string> = {}
    const notRun: Array<NotRun> = []
    for (const { backend, name } of suite.contenders) {
      if (backend === undefined) continue
      const served = await this.of(backend)
      if (served instanceof Unavailable) notRun.push({ name, reason: served.reason })
      else backends[backend] = served.url
    }
    const contenders = suite.contenders.filter(
      ({ backend }) => backend === undefined || backends[backend] !== undefined
    )
    return { suite: { ...suite, contenders }, backends, notRun }
  }

  /** The started servers, by backend. */
  titles(): Record<string, string> {
    return Object.fromEntries(
      [...this.started].flatMap(([name, served]) => (served instanceof Unavailable ? [] : [[name, served.title]]))
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const served of this.started.values()) if (!(served instanceof Unavailable)) await served.stop()
    this.started.clear()
  }
}
