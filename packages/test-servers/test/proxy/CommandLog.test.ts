import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CommandReader } from "../../src/proxy/CommandLog.ts"
import { encodeCommand } from "../../src/redis/Resp.ts"

const read = (chunks: ReadonlyArray<Buffer>) => {
  const seen: Array<[string, ReadonlyArray<string>]> = []
  const reader = new CommandReader((name, args) => seen.push([name, args]))
  for (const chunk of chunks) reader.read(chunk)
  return seen
}

describe("CommandReader", () => {
  it("reads pipelined commands", () => {
    const bytes = Buffer.concat([encodeCommand(["hello", 3]), encodeCommand(["SET", "k", ""]), encodeCommand(["PING"])])
    expect(read([bytes])).toEqual([
      ["HELLO", ["3"]],
      ["SET", ["k", ""]],
      ["PING", []]
    ])
  })

  it("reads the same, wherever the bytes are cut", () => {
    const text = fc.string({ unit: "binary", maxLength: 12 })
    const command = fc.tuple(fc.constantFrom("GET", "evalsha", "Subscribe"), fc.array(text, { maxLength: 6 }))
    fc.assert(
      fc.property(fc.array(command, { maxLength: 5 }), fc.array(fc.nat(200)), (commands, cuts) => {
        const bytes = Buffer.concat(commands.map(([name, args]) => encodeCommand([name, ...args])))
        const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
          (a, b) => a - b
        )
        const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end))
        expect(read(chunks)).toEqual(commands.map(([name, args]) => [name.toUpperCase(), args.slice(0, 4)]))
      })
    )
  })

  it("keeps only the beginning of a large argument", () => {
    const [[name, args] = ["", []]] = read([encodeCommand(["SET", "k", "x".repeat(1_000_000), "PX", 5, "NX"])])
    expect(name).toBe("SET")
    expect(args).toEqual(["k", "x".repeat(128), "PX", "5"])
  })

  it("reads inline commands", () => {
    expect(read([Buffer.from("ping\r\nset a b\r\n")])).toEqual([
      ["PING", []],
      ["SET", ["a", "b"]]
    ])
  })

  it("leaves another protocol alone", () => {
    expect(read([Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), encodeCommand(["PING"])])).toEqual([])
    expect(read([Buffer.from("*x\r\n"), encodeCommand(["PING"])])).toEqual([])
    expect(read([Buffer.from("*1\r\n+oops\r\n"), encodeCommand(["PING"])])).toEqual([])
  })
})
