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

it("compares all measurements with a commit unless some are named", () => {
  expect(parse([]).against).toBeUndefined()
  expect(parse(["--against", "56d984f"])).toMatchObject({ against: "56d984f", rounds: undefined })
  expect(parse(["--against", "56d984f"]).suites).toContain("fiber-stampede")
  expect(parse(["--against", "main", "--rounds", "30", "redis-hit"])).toMatchObject({
    against: "main",
    rounds: 30,
    suites: ["redis-hit"]
  })
  expect(parse(["--against", "main", "--quick", "--rounds", "2"])).toMatchObject({ quick: true, rounds: 2 })
})

it.each([
  [["no-such"], "no-such"],
  [["--rounds", "0"], "--rounds"],
  [["--quick", "--write"], "--quick"],
  [["--x"], "--x"],
  [["--against"], "--against"],
  [["--against", "main", "tagged-hit"], "tagged-hit"],
  [["--against", "main", "--write"], "--write"],
  [["--against", "main", "--rounds", "19"], "20 rounds"]
])("refuses %j and says what is wrong", (args, word) => {
  expect(() => parse(args)).toThrow(Answered)
  expect(() => parse(args)).toThrow(word)
})
