import { describe, expect, it } from "vitest"
import { consistent } from "../src/Routing.ts"

const servers = Array.from({ length: 5 }, (_, i) => `10.0.0.${i}:11211`)
const names = Array.from({ length: 20_000 }, (_, i) => `app{user:${i}}`)

describe("consistent hashing", () => {
  it("gives every server its share", () => {
    const route = consistent(servers)
    const shares = servers.map(() => 0)
    for (const name of names) shares[route(name)]!++
    for (const share of shares) {
      expect(share).toBeGreaterThan((names.length / servers.length) * 0.93)
      expect(share).toBeLessThan((names.length / servers.length) * 1.07)
    }
  })

  it("gives two servers that differ in one digit their share of hashed names", () => {
    const route = consistent(["127.0.0.1:11211", "127.0.0.1:11212"])
    const first = names.filter((name) => route(`app#${name}`) === 0).length
    expect(Math.abs(first / names.length - 0.5)).toBeLessThan(0.02)
  })

  it("moves no name but those of a server that goes", () => {
    const [before, after] = [consistent(servers), consistent(servers.slice(0, -1))]
    for (const name of names) if (before(name) !== servers.length - 1) expect(after(name)).toBe(before(name))
  })

  it("does not mind the order in which servers are listed", () => {
    const reversed = [...servers].reverse()
    const [route, other] = [consistent(servers), consistent(reversed)]
    for (const name of names) expect(reversed[other(name)]).toBe(servers[route(name)])
  })

  it("does not count for one server", () => {
    expect(consistent(["only:11211"])("any")).toBe(0)
  })
})
