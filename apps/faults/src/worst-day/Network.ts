/** Conditions that are the same for every store behind a proxy, and for every server that is restarted. */
import type { Made, Stage, Trouble } from "./Condition.ts"

/** Milliseconds for which a server is away that comes back by itself, or that another replaces. */
export const shortly = 1_000

/** Milliseconds that each answer is late. */
const slowness = 1_000

export const refused: Made = {
  how: "connections are reset, and new ones are refused",
  make: ({ proxies }): Trouble => ({
    begin: () =>
      Promise.all(
        proxies.map(async (proxy) => {
          await proxy.refuse()
          proxy.cut()
        })
      ),
    end: () => Promise.all(proxies.map((proxy) => proxy.heal()))
  })
}

export const silent: Made = {
  how: "connections stay, new ones are accepted, and nothing is answered; what was sent arrives afterwards",
  make: ({ proxies }): Trouble => ({
    begin: async () => {
      for (const proxy of proxies) proxy.blackhole()
    },
    end: () => Promise.all(proxies.map((proxy) => proxy.heal()))
  })
}

/** Each answer comes some milliseconds late. */
export const late =
  (millis: number) =>
  ({ proxies }: Stage): Trouble => ({
    begin: async () => {
      for (const proxy of proxies) proxy.delay(millis)
    },
    end: () => Promise.all(proxies.map((proxy) => proxy.heal()))
  })

export const slow: Made = { how: "each answer is 1 s late", make: late(slowness) }

export const network = { refused, silent, slow }

export const restarted: Made = {
  how: "the server is killed, and is back empty a second later, with the table or bucket that the adapter needs",
  lasts: shortly,
  make: ({ opened }): Trouble => ({ begin: opened.kill, end: opened.restart })
}

/** Each message of a cluster's primary comes some milliseconds late, and in order. */
export const lateMessages =
  (millis: number) =>
  ({ children }: Stage): Trouble => {
    let delay = 0
    const patch = (child: (typeof children)[number]): void => {
      const send = child.send.bind(child) as (...args: ReadonlyArray<unknown>) => boolean
      let last = 0
      child.send = (message: object, ...rest: ReadonlyArray<unknown>): boolean => {
        const due = Math.max(last, performance.now() + delay)
        if (!("cacheLocking" in message) || due <= performance.now()) return send(message, ...rest)
        last = due
        setTimeout(() => child.connected && send(message, ...rest), due - performance.now())
        return true
      }
    }
    return {
      begin: async () => {
        delay = millis
        for (const child of children) patch(child)
      },
      end: async () => {
        delay = 0
      }
    }
  }

export const slowPrimary: Made = { how: "each message of the primary is 1 s late", make: lateMessages(slowness) }
