import { once } from "node:events"
import { connect } from "node:net"
import { describe, expect, it } from "vitest"
import type { Server } from "../../src/machine/Server.ts"
import { Memcached } from "../../src/memcached/Memcached.ts"
import { orSkip } from "../fixtures/Support.ts"

const ask = async ({ host, port }: Server, text: string): Promise<string> => {
  const socket = connect({ host, port })
  socket.write(text)
  const [answer] = await once(socket, "data")
  socket.destroy()
  return String(answer)
}

describe("Memcached", () => {
  it("starts, keeps, forgets at a restart, and ends", async (context) => {
    await using server = await orSkip(context, Memcached.start({ own: true }))
    expect(server.origin.version).toMatch(/^1\./)
    expect(await ask(server, "set a 0 0 1\r\n1\r\n")).toBe("STORED\r\n")
    expect(await ask(server, "get a\r\n")).toBe("VALUE a 0 1\r\n1\r\nEND\r\n")
    await server.restart()
    expect(await ask(server, "get a\r\n")).toBe("END\r\n")
    await server.kill()
    await expect(ask(server, "get a\r\n")).rejects.toMatchObject({ code: "ECONNREFUSED" })
  })

  it("can be paused", async (context) => {
    await using server = await orSkip(context, Memcached.start({ own: true }))
    await server.pause()
    let answered = false
    const late = ask(server, "get a\r\n").finally(() => {
      answered = true
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(answered).toBe(false)
    await server.resume()
    expect(await late).toBe("END\r\n")
  })
})
