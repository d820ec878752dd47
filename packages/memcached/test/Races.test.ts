/** Two hundred rounds of each race, over several connections and several processes: never a second winner. */
import { ask, lead, lifetime, minute, run, sleep, value } from "@cache-locking/conformance-kit/testing"
import { races, racesOfProcesses } from "@cache-locking/conformance-kit/vitest"
import type { Token } from "@cache-locking/core"
import { Memcached } from "@cache-locking/test-servers"
import { overServer } from "@cache-locking/test-servers/vitest"
import { expect, it } from "vitest"
import { MemcachedAdapter } from "../src/index.ts"
import { claims, clientOf, open } from "./fixtures/Support.ts"
import * as TextClient from "./fixtures/TextClient.ts"

await overServer(Memcached.start({ own: true }), (server) => {
  const rounds = 200

  races({
    name: "Memcached",
    claims,
    peers: () => {
      const peer = () => MemcachedAdapter.make({ client: clientOf(server.url), prefix: "races" })
      return { here: peer(), there: peer(), more: [peer(), peer(), peer()] }
    }
  })

  const fillOf = (token: Token) => ({ token, value: value(1), lifetime: lifetime(minute) })

  it("a fill, a flush and another's lead at once: never two fills, and the last filled value is there", async () => {
    const [mine, other] = [open(server.url, { prefix: "flush" }), open(server.url, { prefix: "flush" })]
    const led: Array<string> = []
    for (let round = 0; round < rounds; round++) {
      const key = `k${round}`
      const { token } = await lead(mine, key)
      const late = round % 2 === 1
      const [filled, , found] = await Promise.all([
        (late ? sleep(1) : Promise.resolve()).then(() => run(mine.fill(key, fillOf(token)))),
        TextClient.flushAll(server.url),
        (late ? sleep(1) : Promise.resolve()).then(() => run(other.acquire(key, ask("you"))))
      ])
      led.push(found._tag)
      if (found._tag !== "Leader") continue
      const next = { token: found.token, value: value(2), lifetime: lifetime(minute) }
      // The first fill may have come first, and was flushed away; both can never be there.
      expect(await run(other.fill(key, next))).toBe(true)
      expect(await run(mine.fill(key, fillOf(token)))).toBe(false)
      expect((await run(mine.read(key))).value?.bytes).toEqual(value(2).bytes)
      expect(typeof filled).toBe("boolean")
    }
    expect(led).toContain("Leader")
  })

  racesOfProcesses({
    name: "Memcached",
    file: new URL("./fixtures/Racer.ts", import.meta.url),
    args: [server.url],
    processes: 3,
    callers: 16,
    adapter: () => open(server.url, { prefix: "processes" })
  })
})
