import { expect, it } from "vitest"
import { Answered, parse } from "../src/Arguments.ts"

it("runs everything unless some suites are named", () => {
  expect(parse([]).suites.length).toBeGreaterThan(5)
  expect(parse(["hot-key", "--rounds", "3"])).toMatchObject({
    suites: ["hot-key"],
    rounds: 3,
    quick: false,
    write: false
  })
})

it.each([
  [["no-such"], "no-such"],
  [["--rounds", "0"], "--rounds"],
  [["--quick", "--write"], "--quick"],
  [["--x"], "--x"]
])("refuses %j and says what is wrong", (args, word) => {
  expect(() => parse(args)).toThrow(Answered)
  expect(() => parse(args)).toThrow(word)
})
