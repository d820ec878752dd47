import type { ChildProcess } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, it } from "vitest"
import type { Stage } from "../../src/worst-day/Condition.ts"
import { lateMessages } from "../../src/worst-day/Network.ts"

it("the messages of a primary come late, in order also when the condition ends, and other messages at once", async () => {
  const arrived: Array<string> = []
  const send = (message: { readonly name: string }) => arrived.push(message.name) > 0
  const child = { connected: true, send } as unknown as ChildProcess
  const { begin, end } = lateMessages(60)({ children: [child] } as unknown as Stage)
  await begin()
  child.send({ cacheLocking: 1, name: "late" } as never)
  child.send({ name: "another's" } as never)
  expect(arrived).toEqual(["another's"])
  await end()
  child.send({ cacheLocking: 1, name: "after it" } as never)
  expect(arrived).toEqual(["another's"])
  await sleep(150)
  child.send({ cacheLocking: 1, name: "at once" } as never)
  expect(arrived).toEqual(["another's", "late", "after it", "at once"])
})
