import connect from "postgres"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Postgres } from "../../src/postgres/Postgres.ts"
import { isAlive, orSkip } from "../fixtures/Support.ts"

afterEach(() => vi.unstubAllEnvs())

describe("Postgres", () => {
  it("starts, keeps, forgets at a restart, and ends", async (context) => {
    await using server = await orSkip(context, Postgres.start({ own: true }))
    const sql = connect(server.url, { max: 2, onnotice: () => {} })
    await sql`create table things (id text primary key)`
    await sql`insert into things values ('a')`
    expect([...(await sql`insert into things values ('a') on conflict do nothing returning id`)]).toEqual([])
    const heard = new Promise((resolve) => sql.listen("news", resolve).then(() => sql.notify("news", "hello")))
    expect(await heard).toBe("hello")
    await sql.end()

    vi.stubEnv("POSTGRES_URL", server.url)
    const given = await Postgres.start()
    expect(given).toMatchObject({ url: server.url, controllable: false })
    expect(given.origin.how).toBe("environment")

    await server.restart()
    const again = connect(server.url, { max: 1 })
    expect([...(await again`select to_regclass('things') as name`)]).toEqual([{ name: null }])
    await again.end()
    const pid = server.pid ?? 0
    await server.stop()
    expect(isAlive(pid)).toBe(false)
  })

  it("takes its children along when it is killed", async (context) => {
    await using server = await orSkip(context, Postgres.start({ own: true }))
    const sql = connect(server.url, { max: 1 })
    const [row] = await sql`select pg_backend_pid() as pid`
    await server.kill()
    await expect.poll(() => isAlive(row?.["pid"])).toBe(false)
    await sql.end({ timeout: 0 }).catch(() => {})
    await server.restart()
    expect(server.pid).toBeGreaterThan(0)
  })

  it("answers nothing while paused, on a connection that stands either", async (context) => {
    await using server = await orSkip(context, Postgres.start({ own: true }))
    const sql = connect(server.url, { max: 1 })
    await sql`select 1`
    await server.pause()
    let answered = false
    const late = sql`select 2 as n`.then((rows) => {
      answered = true
      return rows[0]?.["n"]
    })
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(answered).toBe(false)
    await server.resume()
    expect(await late).toBe(2)
    await server.pause()
    await sql.end({ timeout: 0 }).catch(() => {})
    await server.stop()
  })
})
