import { expect, it } from "vitest"
import * as Setups from "../src/Setups.ts"
import { groups } from "./support/Groups.ts"

it("there is a setup per adapter and backend, and each is judged", () => {
  expect(Object.values(groups).flat().sort()).toEqual(Setups.names())
})
