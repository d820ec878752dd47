/** The floor of a request to the primary: one message there and one back, and nothing else. */
import cluster from "node:cluster"
import { type ClusterPeer, overGet } from "./ClusterPeer.ts"
import { nothing } from "./Peer.ts"

/** In both directions. The name distinguishes it from other messages on the channel. */
interface Message {
  readonly bare: number
  readonly namespace: string
  readonly body: unknown
}

const isOurs = (message: unknown): message is Message => typeof (message as Partial<Message> | null)?.bare === "number"

const spaces = new Map<string, Map<string, string>>()
const waiting = new Map<number, (body: unknown) => void>()
let asked = 0
let prepared = false

const serve = (): void => {
  cluster.on("fork", (worker) => {
    worker.on("message", (message: unknown) => {
      if (!isOurs(message)) return
      const { bare, body, namespace } = message
      const values = spaces.get(namespace)!
      const answer = Array.isArray(body) ? body.map((key) => values.get(key)) : values.get(body as string)
      worker.send({ bare, namespace, body: answer })
    })
  })
}

const listen = (): void => {
  process.on("message", (message: unknown) => {
    if (!isOurs(message)) return
    waiting.get(message.bare)?.(message.body)
    waiting.delete(message.bare)
  })
}

/** Once in a process. */
const once = (prepare: () => void): void => {
  if (!prepared) prepare()
  prepared = true
}

export const BareMessage: ClusterPeer = {
  name: "a bare message there and back",
  packages: [],
  keeps: "primary",
  prepare: async () => once(serve),
  open: ({ namespace }) => {
    const values = new Map<string, string>()
    spaces.set(namespace, values)
    if (cluster.isWorker) once(listen)
    const ask = (body: unknown): Promise<unknown> =>
      new Promise((resolve) => {
        const message: Message = { bare: ++asked, namespace, body }
        waiting.set(message.bare, resolve)
        process.send!(message)
      })
    return overGet({
      set: async (key, value) => values.set(key, value),
      get: ask,
      many: async (keys) => {
        const found = (await ask(keys)) as ReadonlyArray<unknown>
        return (at) => found[at]
      },
      clear: async () => values.clear(),
      close: nothing
    })
  }
}
