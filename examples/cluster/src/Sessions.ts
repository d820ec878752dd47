/** Sessions that any worker may serve, and that end after an idle time. */
import { randomUUID } from "node:crypto"
import { createClusterCache } from "@cache-locking/cluster/promise"

export interface Session {
  readonly user: string
  readonly since: Date
}

export const openSessions = (idle: number) => {
  const sessions = createClusterCache<Session>({
    namespace: "sessions",
    space: { max: 100_000, ttl: idle, updateAgeOnGet: true }
  })
  return {
    begin: async (user: string): Promise<string> => {
      const id = randomUUID()
      await sessions.set(id, { user, since: new Date() })
      return id
    },
    /** Each visit starts the idle time anew. */
    visit: (id: string) => sessions.get(id),
    end: (id: string) => sessions.delete(id)
  }
}
