import { bootstrap } from "@cache-locking/cluster/promise"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { openSessions } from "../src/Sessions.ts"

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] })
  bootstrap()
})
afterEach(() => {
  bootstrap().close()
  vi.useRealTimers()
})

it("a session lasts from visit to visit, and ends when it is idle, or ended", async () => {
  const sessions = openSessions(60_000)
  const [visited, left] = [await sessions.begin("ada"), await sessions.begin("ben")]
  for (let minute = 0; minute < 5; minute++) {
    vi.advanceTimersByTime(50_000)
    expect(await sessions.visit(visited)).toMatchObject({ user: "ada", since: expect.any(Date) })
  }
  expect(await sessions.visit(left)).toBeUndefined()
  await sessions.end(visited)
  expect(await sessions.visit(visited)).toBeUndefined()
})
