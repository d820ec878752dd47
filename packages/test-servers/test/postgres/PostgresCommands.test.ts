import { describe, expect, it } from "vitest"
import { PostgresCommandReader } from "../../src/postgres/PostgresCommands.ts"

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const message = (type: string, ...parts: ReadonlyArray<string | Buffer>): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(`${part}\0`) : part)))
  return Buffer.concat([Buffer.from(type), int(body.length + 4), body])
}

const startup = message("", int(196_608), "user", "postgres", Buffer.from([0]))
const ssl = message("", int(80_877_103))

const read = (chunks: ReadonlyArray<Buffer>): ReadonlyArray<readonly [string, string | undefined]> => {
  const found: Array<readonly [string, string | undefined]> = []
  const reader = new PostgresCommandReader((name, args) => found.push([name, args[0]]))
  for (const chunk of chunks) reader.read(chunk)
  return found
}

const large = Buffer.alloc(100_000, "x")
const session = Buffer.concat([
  startup,
  message("Q", "listen a"),
  message("P", "s1", "/* some verb */ with x as (select 1)", Buffer.from([0, 0])),
  message("D", "Ss1"),
  message("H"),
  message("B", "", "s1", large),
  message("E", "", int(0)),
  message("S"),
  message("B", "", "s1", Buffer.from("Q")),
  message("E", "", int(0)),
  message("S"),
  message("P", "", "select $1", Buffer.from([0, 0])),
  message("B", "", ""),
  message("E", "", int(0)),
  message("S"),
  message("X")
])

const expected = [
  ["LISTEN", "listen a"],
  ["PARSE", "/* some verb */ with x as (select 1)"],
  ["VERB", "/* some verb */ with x as (select 1)"],
  ["VERB", "/* some verb */ with x as (select 1)"],
  ["PARSE", "select $1"],
  ["SELECT", "select $1"]
]

describe("PostgresCommandReader", () => {
  it("tells what is run, by name and by what was prepared", () => {
    expect(read([session])).toEqual(expected)
  })

  it.each([1, 3, 7, 4_096])("reads it cut into pieces of %i bytes", (size) => {
    const chunks = Array.from({ length: Math.ceil(session.length / size) }, (_, i) =>
      session.subarray(i * size, (i + 1) * size)
    )
    expect(read(chunks)).toEqual(expected)
  })

  it("goes on in plain text when the server refuses encryption", () => {
    expect(read([ssl, startup, message("Q", "select 1")])).toEqual([["SELECT", "select 1"]])
  })

  it("tells of a request to cancel", () => {
    expect(read([message("", int(80_877_102), int(1), int(2))])).toEqual([["CANCEL", undefined]])
  })

  it("takes nothing for a command that makes no sense", () => {
    expect(read([startup, Buffer.from([0x16, 0, 0, 0, 1, 2, 3, 4])])).toEqual([])
  })
})
