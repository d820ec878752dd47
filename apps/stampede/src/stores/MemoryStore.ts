/**
 * The store that needs no server: core's memory adapter in the parent, which the workers
 * reach over Node's own IPC.
 */
import { MemoryAdapter } from "@cache-locking/core"
import { AdapterHost } from "./AdapterHost.ts"
import * as IpcAdapter from "./IpcAdapter.ts"
import type { Store } from "./Store.ts"

export const MemoryStore: Store = {
  name: "memory",
  summary: "the parent's memory, shared with its processes over IPC: no server",
  protocols: [],
  open: async () => {
    const adapter = MemoryAdapter.make()
    return {
      title: "memory, shared through the parent process",
      attach: async (channel) => {
        const host = new AdapterHost(adapter, channel)
        return {
          place: undefined,
          reset: () => {
            host.commands.length = 0
          },
          commands: () => [...host.commands],
          [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]()
        }
      },
      [Symbol.asyncDispose]: async () => {}
    }
  },
  connect: async (_, prefix, channel) => ({
    adapter: IpcAdapter.make(channel, prefix),
    close: async () => {}
  })
}
