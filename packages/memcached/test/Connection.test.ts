/** Failures of a server in the middle of a reply, which are rare with a real one. */
import { ask, failureOf, hitOf, minute, run, value } from "@cache-locking/conformance-kit/testing"
import { Entry, EntryRecord } from "@cache-locking/core"
import * as Effect from "effect/Effect"
import { Client } from "memjs"
import { describe, expect, it } from "vitest"
import { Calls } from "../src/Calls.ts"
import { MemcachedAdapter } from "../src/index.ts"
import { resolve } from "../src/Options.ts"
import { Records } from "../src/Records.ts"
import { imitate, type Request, reply } from "./fixtures/ImitatedServer.ts"
import { clientOf, open } from "./fixtures/Support.ts"

const record = (length: number): Buffer => {
  const bytes = new Uint8Array(length).fill(7)
  const [, entry] = Entry.put(Date.now(), { value: { bytes }, lifetime: { fresh: minute, stale: 0 } })
  return Buffer.from(EntryRecord.encode(entry))
}

const commandTimeout = 200

describe("a connection", () => {
  it("that ends in the middle of a reply leaves nothing of it to the next", async () => {
    const whole = record(5_000)
    const { connections, url } = await imitate((request) => {
      const bytes = reply(request, { value: whole })
      if (request.connection === 1) request.socket.end(bytes.subarray(0, 2_000))
      else request.socket.write(bytes)
    })
    const adapter = open(url, { commandTimeout: 10_000 })
    const began = performance.now()
    expect(await failureOf(adapter.read("k"))).toMatchObject({
      reason: "Unavailable",
      message: "the server closed the connection"
    })
    expect(performance.now() - began).toBeLessThan(2_000)
    for (let i = 0; i < 3; i++) {
      expect((await hitOf(adapter, "k", "me")).value.bytes).toEqual(new Uint8Array(5_000).fill(7))
    }
    expect(connections()).toBe(2)
  })

  it("that is closed fails all waiting calls at once", async () => {
    const { url } = await imitate(({ connection, socket }) => {
      if (connection === 1) setTimeout(() => socket.end(), 20)
    })
    const adapter = open(url, { commandTimeout: 10_000 })
    const began = performance.now()
    const errors = await Promise.all(["a", "b", "c"].map((key) => failureOf(adapter.read(key))))
    expect(errors.map(({ reason }) => reason)).toEqual(["Unavailable", "Unavailable", "Unavailable"])
    expect(performance.now() - began).toBeLessThan(2_000)
  })

  it("that is silent is given up, with its late replies", async () => {
    let late: Request | undefined
    const { connections, url } = await imitate((request) => {
      if (request.connection === 1) late = request
      else {
        late?.socket.write(reply(late, { value: record(3) }))
        request.socket.write(reply(request, { status: 1 }))
      }
    })
    const adapter = open(url, { commandTimeout })
    expect(await failureOf(adapter.read("k"))).toMatchObject({ message: `no answer within ${commandTimeout} ms` })
    for (let i = 0; i < 5; i++) expect((await run(adapter.read("k"))).value).toBeUndefined()
    expect(connections()).toBe(2)
  })

  it("gives each reply to its own request, in any order", async () => {
    const waiting: Array<Request> = []
    const { url } = await imitate((request) => {
      waiting.push(request)
      if (waiting.length < 3) return
      for (const [index, each] of [...waiting.entries()].reverse()) {
        each.socket.write(reply(each, { value: record(index) }))
      }
    })
    const adapter = open(url)
    const found = await Promise.all(["a", "b", "c"].map((key) => run(adapter.read(key))))
    expect(found.map(({ value }) => value?.bytes.byteLength)).toEqual([0, 1, 2])
  })

  it("reads a reply that comes byte by byte", async () => {
    const { url } = await imitate((request) => {
      request.socket.setNoDelay(true)
      const bytes = reply(request, { value: record(3) })
      const next = (at: number) => {
        if (at === bytes.length) return
        request.socket.write(bytes.subarray(at, at + 1))
        setImmediate(next, at + 1)
      }
      next(0)
    })
    expect((await run(open(url).read("k"))).value?.bytes).toEqual(value(7, 7, 7).bytes)
  })

  it("reports refused credentials, and sends no request", async () => {
    const asked: Array<number> = []
    const { url } = await imitate((request) => {
      asked.push(request.opcode)
      request.socket.write(reply(request, { status: request.opcode === 0x20 ? 0 : 0x20 }))
    })
    const client = Client.create(url.replace("memcached://", "user:secret@"))
    const adapter = MemcachedAdapter.make({ client })
    const error = await failureOf(adapter.read("k"))
    expect(error).toMatchObject({ reason: "Rejected", message: "the server refused the credentials" })
    expect(JSON.stringify(error)).not.toContain("secret")
    expect(asked).toEqual([0x20, 0x21])
    await run(adapter.close!)
  })

  it("sends its credentials before any request", async () => {
    const asked: Array<number> = []
    const { url } = await imitate((request) => {
      asked.push(request.opcode)
      request.socket.write(reply(request, { status: request.opcode === 0 ? 1 : 0 }))
    })
    const adapter = MemcachedAdapter.make({ client: Client.create(url.replace("memcached://", "user:secret@")) })
    await Promise.all([run(adapter.read("k")), run(adapter.read("l"))])
    expect(asked).toEqual([0x20, 0x21, 0, 0])
    await run(adapter.close!)
  })

  it("that is closed while it gives its credentials is noticed at once, and not opened again behind our back", async () => {
    const asked: Array<number> = []
    const { connections, url } = await imitate((request) => {
      asked.push(request.opcode)
      if (request.opcode === 0x20) request.socket.end(reply(request).subarray(0, 10))
    })
    const client = Client.create(url.replace("memcached://", "user:secret@"))
    const adapter = MemcachedAdapter.make({ client, commandTimeout: 10_000 })
    const began = performance.now()
    const errors = await Promise.all(["a", "b"].map((key) => failureOf(adapter.read(key))))
    expect(errors.map(({ message }) => message)).toEqual(Array(2).fill("the server closed the connection"))
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(connections()).toBe(1)
    expect(await failureOf(adapter.read("c"))).toMatchObject({ message: "the server closed the connection" })
    expect(asked).toEqual([0x20, 0x20])
    expect(connections()).toBe(2)
    await run(adapter.close!)
  })

  it.each([0x20, 0x21])("to a server that accepts and says nothing to 0x%s is bounded, and left", async (silentTo) => {
    const sockets = new Set<Request["socket"]>()
    const { connections, url } = await imitate((request) => {
      sockets.add(request.socket)
      if (request.opcode !== silentTo) request.socket.write(reply(request))
    })
    const client = Client.create(url.replace("memcached://", "user:secret@"))
    const adapter = MemcachedAdapter.make({ client, commandTimeout })
    for (let i = 1; i <= 3; i++) {
      const errors = await Promise.all(["a", "b"].map((key) => failureOf(adapter.read(key))))
      for (const error of errors) expect(error).toMatchObject({ reason: "Unavailable", retryable: true })
      expect(connections()).toBe(i)
    }
    await expect.poll(() => [...sockets].filter(({ closed }) => !closed)).toEqual([])
  })

  it("that is closed first answers the calls that wait", async () => {
    const { connections, url } = await imitate((request) => {
      setTimeout(() => request.socket.write(reply(request, { status: 1 })), 50)
    })
    const adapter = open(url)
    const waiting = run(adapter.read("k"))
    await new Promise((resolve) => setTimeout(resolve, 20))
    await run(adapter.close!)
    expect((await waiting).value).toBeUndefined()
    await run(adapter.read("k"))
    expect(connections()).toBe(2)
  })

  it("that has ended gets no request about a version read over it, and is not opened again", async () => {
    const { connections, url } = await imitate((request) =>
      request.socket.write(reply(request, { cas: 5n, value: record(1) }))
    )
    const { itemSize, pool, timeout } = resolve({ client: clientOf(url) })
    const records = new Records(new Calls(pool, timeout), itemSize)
    const { entry, version } = await run(records.read("fill", "k", "k", Effect.succeed))
    const write = records.writeIf("fill", "k", "k", version, entry, minute)
    const removal = records.writeIf("delete", "k", "k", version, undefined, 0)
    expect(await run(write)).toMatchObject({ cas: 5n })
    version!.connection.fail(new Error("cut"))
    expect(await run(write)).toBe(false)
    expect(await run(removal)).toBe(false)
    expect(connections()).toBe(1)
    pool.close()
  })

  it("gives up a verb that others overtake every time, after 24 attempts", async () => {
    let version = 0n
    const asked = new Map<number, number>()
    const { url } = await imitate((request) => {
      asked.set(request.opcode, (asked.get(request.opcode) ?? 0) + 1)
      // Another version whenever it is read, and never the one that is named.
      const read = request.opcode === 0
      request.socket.write(reply(request, read ? { cas: ++version, value: record(1) } : { status: 2 }))
    })
    const error = await failureOf(open(url).touch("k", { freshFor: minute }))
    expect(error).toMatchObject({
      reason: "Unavailable",
      retryable: true,
      message: "overtaken by other writers 24 times in a row"
    })
    expect([...asked]).toEqual([
      [0x00, 24],
      [0x03, 24]
    ])
  })

  it("refuses a server that keeps no versions", async () => {
    const { url } = await imitate((request) => request.socket.write(reply(request, { cas: 0n, value: record(1) })))
    expect(await failureOf(open(url).acquire("k", ask("me")))).toMatchObject({
      reason: "Rejected",
      operation: "acquire"
    })
  })
})
