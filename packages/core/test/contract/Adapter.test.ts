import { expect, it } from "vitest"
import { AdapterError } from "../../src/contract/Adapter.ts"

it("an error of a part becomes one of the verb that was asked for, and is the same where it is that already", () => {
  const cause = new Error("why")
  const error = new AdapterError({
    adapter: "a",
    operation: "read",
    key: "part",
    reason: "Rejected",
    message: "m",
    cause
  })
  const told = error.as("fill", "k")
  expect(told).toMatchObject({ adapter: "a", operation: "fill", key: "k", reason: "Rejected", message: "m", cause })
  expect(told.as("fill", "k")).toBe(told)
})
