/** Many callers of a cache over Redis, and their commands. */
import { FaultProxy } from "@cache-locking/test-servers"
import { again, type Gather, keys, warm } from "../probes/RedisHit.ts"
import type { Address, Probe, Setting } from "../Suite.ts"

/** The commands of one operation, counted by a proxy between the client and Redis, without the connection's own. */
export const commandsOf = async (
  redis: Address,
  operations: number,
  prepare: (
    at: Address
  ) => Promise<{ readonly opened: { readonly close: () => Promise<void> }; readonly work: () => Promise<void> }>
): Promise<number> => {
  await using proxy = await FaultProxy.start({ target: redis })
  const { opened, work } = await prepare({ host: proxy.host, port: proxy.port })
  proxy.resetCommands()
  await work()
  const commands = proxy.commands().length / operations
  await opened.close()
  return commands
}

/** Present keys, asked for again and again. */
export const hit =
  <P>(gather: Gather<P>) =>
  async (peer: P, { quick, redis }: Setting, who: string): Promise<Probe> => {
    const commands = await commandsOf(redis!, keys, async (at) => {
      const { crowd, keyOf } = await warm(gather, peer, at, who)
      return { opened: crowd, work: () => crowd.ask(keyOf, keys) }
    })
    return again(await warm(gather, peer, redis!, who), who, { quick, batch: 250, also: { commands } })
  }
