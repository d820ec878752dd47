/** The servers of a run: each is started when it is first asked for, and serves all suites that follow. */
import { orUnavailable, Unavailable } from "@cache-locking/test-servers"
import type { Served } from "./backends/Backend.ts"
import { backendOf } from "./backends/Backends.ts"
import type { NotRun } from "./Result.ts"
import type { Address, Suite } from "./Suite.ts"

export class Servers implements AsyncDisposable {
  private readonly started = new Map<string, Served | Unavailable>()

  async of(backend: string): Promise<Served | Unavailable> {
    const known = this.started.get(backend)
    if (known !== undefined) return known
    // One that does not start, or cannot be set up, is none: the rest is measured all the same.
    const served = await orUnavailable(backendOf(backend).start()).catch(
      (error: unknown) => new Unavailable(backend, error instanceof Error ? error.message : String(error))
    )
    this.started.set(backend, served)
    return served
  }

  /** Where the Redis is that suites speak to by themselves. */
  async redis(): Promise<Address | Unavailable> {
    const served = await this.of("Redis")
    if (served instanceof Unavailable) return served
    const { hostname, port } = new URL(served.url)
    return { host: hostname, port: Number(port || 6379) }
  }

  /** The suite with those contenders whose backends are there, the URLs of these, and who is left out. */
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

  /** What was started, by backend. */
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
