/** Races, two hundred times each: one winner, and never a second truth. */
import { races, racesOfProcesses } from "@cache-locking/conformance-kit/vitest"
import { DynamoDbAdapter } from "../src/index.ts"
import { claims, clientOf, connect, overTable } from "./fixtures/Support.ts"

const table = "races"
const commandTimeout = "30 seconds"

await overTable(table, ({ url }) => {
  races({
    name: "DynamoDB",
    claims,
    peers: () => {
      const clients = Array.from({ length: 5 }, () => connect(url))
      const [here, there, ...more] = clients.map((client) =>
        DynamoDbAdapter.make({ client, table, prefix: "races", commandTimeout })
      )
      const close = () => {
        for (const client of clients) client.destroy()
      }
      return { here: here!, there: there!, more, close }
    }
  })

  racesOfProcesses({
    name: "DynamoDB",
    file: new URL("./fixtures/Racer.ts", import.meta.url),
    args: [url, table, "processes"],
    processes: 3,
    callers: 17,
    adapter: () => DynamoDbAdapter.make({ client: clientOf(url), table, prefix: "processes", commandTimeout })
  })
})
