import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server as Listener, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { Redis as Client } from "ioredis"
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { poll } from "../../src/machine/Poll.ts"
import { FaultProxy } from "../../src/proxy/FaultProxy.ts"
import { Redis } from "../../src/redis/Redis.ts"
import { RespClient } from "../../src/redis/Resp.ts"
import { orSkip, runFixture } from "../fixtures/Support.ts"

/** A server that echoes its input, and records it. */
let heard: Array<string>
let echo: Listener
let target: { host: string; port: number }
let proxy: FaultProxy
const sockets = new Set<Socket>()

beforeEach(async () => {
  heard = []
  echo = createServer((socket) => {
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      heard.push(chunk.toString())
      socket.write(chunk)
    })
  })
  await once(echo.listen(0, "127.0.0.1"), "listening")
  target = { host: "127.0.0.1", port: (echo.address() as AddressInfo).port }
  proxy = await FaultProxy.start({ target })
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await proxy.stop()
  echo.close()
})

/** A connection through the proxy: the bytes received so far, and its end. */
const dial = async () => {
  const socket = connect(proxy.port, "127.0.0.1")
  sockets.add(socket)
  const seen = { text: "", end: undefined as string | undefined }
  socket.on("data", (chunk) => {
    seen.text += chunk
  })
  socket.on("end", () => {
    seen.end ??= "FIN"
  })
  socket.on("error", (error: NodeJS.ErrnoException) => {
    seen.end = error.code
  })
  await once(socket, "connect")
  const until = (text: string) => poll(() => seen.text === text, { what: JSON.stringify(text), every: 2 })
  const ended = () => poll(() => seen.end, { what: "the end", every: 2 })
  return { socket, seen, until, ended }
}

/** Long enough for a reply to come if it could. */
const quiet = () => sleep(50)

describe("a proxy without faults", () => {
  it("passes bytes both ways and counts them", async () => {
    const { ended, socket, until } = await dial()
    socket.write("hello")
    await until("hello")
    expect(proxy.stats).toEqual({ connections: 1, open: 1, bytesUp: 5, bytesDown: 5 })
    socket.end()
    expect(await ended()).toBe("FIN")
    await poll(() => proxy.stats.open === 0, { what: "the connection to be over" })
  })

  it("passes much data whole and in order", async () => {
    const { seen, socket } = await dial()
    const data = Buffer.alloc(8 * 1024 * 1024, "0123456789abcdef")
    socket.write(data)
    await poll(() => seen.text.length >= data.length, { what: "all of it" })
    expect(seen.text === data.toString()).toBe(true)
  })

  it("tells the target's URL with its own address", async () => {
    const at = `127.0.0.1:${proxy.port}`
    expect(proxy.url()).toBe(`tcp://${at}`)
    expect(proxy.url("redis")).toBe(`redis://${at}`)
    await using other = await FaultProxy.start({
      target: { ...target, url: "redis://me:p%40ss@far.example:6379/2?x=1" }
    })
    expect(other.url()).toBe(`redis://me:p%40ss@127.0.0.1:${other.port}/2?x=1`)
  })

  it("resets a client whose server is not there", async () => {
    await using nowhere = await FaultProxy.start({ target: { host: "127.0.0.1", port: 1 } })
    const socket = connect(nowhere.port, "127.0.0.1")
    const [error] = await once(socket, "error")
    expect(error).toMatchObject({ code: "ECONNRESET" })
  })
})

describe("faults", () => {
  it("delay: replies come late, in order, and on time after heal", async () => {
    const { socket, until } = await dial()
    proxy.delay(300, 30)
    const start = performance.now()
    socket.write("a")
    await until("a")
    expect(performance.now() - start).toBeGreaterThanOrEqual(299)
    for (const letter of "bcdefgh") {
      socket.write(letter)
      await sleep(3)
    }
    await until("abcdefgh")
    await proxy.heal()
    const again = performance.now()
    socket.write("i")
    await until("abcdefghi")
    expect(performance.now() - again).toBeLessThan(299)
  })

  it("delay up: requests arrive late", async () => {
    const { socket, until } = await dial()
    proxy.delay(60, 0, "up")
    socket.write("a")
    await sleep(20)
    expect(heard).toEqual([])
    await until("a")
  })

  it("blackhole: nothing passes and nobody is told, until heal", async () => {
    const { seen, socket, until } = await dial()
    socket.write("a")
    await until("a")
    proxy.blackhole()
    socket.write("b")
    const late = await dial()
    late.socket.write("c")
    await quiet()
    expect(heard).toEqual(["a"])
    expect([seen.end, late.seen.end]).toEqual([undefined, undefined])
    await proxy.heal()
    await until("ab")
    await late.until("c")
  })

  it("blackhole: what a client gave up on does not arrive", async () => {
    const { socket } = await dial()
    proxy.blackhole()
    socket.write("b")
    await quiet()
    socket.resetAndDestroy()
    await quiet()
    await proxy.heal()
    await quiet()
    expect(heard).toEqual([])
    expect(proxy.stats.open).toBe(0)
  })

  it("dropReplies: the server hears, the client does not; heal resets", async () => {
    const { ended, seen, socket } = await dial()
    const idle = await dial()
    proxy.dropReplies()
    socket.write("a")
    await poll(() => heard.length === 1, { what: "the request" })
    await quiet()
    expect(seen).toEqual({ text: "", end: undefined })
    await proxy.heal()
    expect(await ended()).toBe("ECONNRESET")
    idle.socket.write("b")
    await idle.until("b")
  })

  it("dropReplies(n): n replies are lost, each with its connection", async () => {
    proxy.dropReplies(2)
    for (const text of ["a", "b"]) {
      const { ended, seen, socket } = await dial()
      socket.write(text)
      expect(await ended()).toBe("ECONNRESET")
      expect(seen.text).toBe("")
    }
    const { socket, until } = await dial()
    socket.write("c")
    await until("c")
    expect(heard).toEqual(["a", "b", "c"])
  })

  it("cut: RST for all, and new connections work", async () => {
    const all = [await dial(), await dial()]
    await poll(() => proxy.stats.open === 2, { what: "both" })
    proxy.cut()
    expect(await Promise.all(all.map(({ ended }) => ended()))).toEqual(["ECONNRESET", "ECONNRESET"])
    expect(proxy.stats).toMatchObject({ open: 0, connections: 2 })
    const { socket, until } = await dial()
    socket.write("a")
    await until("a")
  })

  it("refuse: new connections are refused, standing ones stay, until heal", async () => {
    const { socket, until } = await dial()
    await proxy.refuse()
    await expect(dial()).rejects.toMatchObject({ code: "ECONNREFUSED" })
    socket.write("a")
    await until("a")
    await proxy.heal()
    const next = await dial()
    next.socket.write("b")
    await next.until("b")
  })

  it("limitBytes: a reply breaks off in the middle", async () => {
    const { ended, seen, socket } = await dial()
    proxy.limitBytes(3)
    socket.write("abcdef")
    expect(await ended()).toBe("FIN")
    expect(seen.text).toBe("abc")
    await proxy.heal()
    const { socket: other, until } = await dial()
    other.write("abcdef")
    await until("abcdef")
  })

  it("stop: RST for all, and nobody listens any more", async () => {
    const { ended } = await dial()
    await proxy.stop()
    expect(await ended()).toBe("ECONNRESET")
    await expect(dial()).rejects.toMatchObject({ code: "ECONNREFUSED" })
  })
})

describe("a process with a proxy", () => {
  it("exits, also if connections were cut while they ended", async () => {
    const { child, ended, output } = runFixture("cutEnding.ts")
    onTestFinished(() => void child.kill("SIGKILL"))
    expect(await ended).toBe(0)
    expect(output()).toBe("over\n")
  })
})

describe("in front of Redis", () => {
  it("tells the commands of every connection", async (context) => {
    await using redis = await orSkip(context, Redis.start({ own: true }))
    await using proxy = await FaultProxy.start({ target: redis })
    const [client, subscriber] = [new Client(proxy.url()), new Client(proxy.url())]
    try {
      await client.set("k", "v", "PX", 5000)
      await client.eval("return redis.call('GET', KEYS[1])", 1, "k")
      await subscriber.subscribe("news")
      const names = proxy.commands().map(({ name }) => name)
      expect(names).toEqual(expect.arrayContaining(["SET", "EVAL", "SUBSCRIBE"]))
      expect(proxy.commands().find(({ name }) => name === "SET")?.args).toEqual(["k", "v", "PX", "5000"])
      const connections = new Set(proxy.commands().map(({ connection }) => connection))
      expect(connections).toEqual(new Set([1, 2]))
      proxy.resetCommands()
      await client.get("k")
      expect(proxy.commands()).toMatchObject([{ name: "GET", args: ["k"] }])
    } finally {
      client.disconnect()
      subscriber.disconnect()
    }
  })

  it("loses the reply to one named command, which was carried out", async (context) => {
    await using redis = await orSkip(context, Redis.start({ own: true }))
    await using proxy = await FaultProxy.start({ target: redis })
    await using client = await RespClient.connect(proxy.url())
    proxy.dropReplies(1, { after: "incr" })
    expect(await client.send("PING")).toBe("PONG")
    await expect(client.send("INCR", "n")).rejects.toThrow()
    await using again = await RespClient.connect(proxy.url())
    expect(await again.send("INCR", "n")).toBe(2)
  })
})
