/**
 * The requests of a verb, as one bounded call.
 */
import { DeleteItemCommand, type DeleteItemCommandOutput } from "@aws-sdk/client-dynamodb"
import { type AdapterError, BoundedCalls, type Operation, type StoreClock } from "@cache-locking/core"
import type * as Effect from "effect/Effect"
import type { Client, Command } from "./Client.ts"
import { failuresOf, unmet } from "./Failure.ts"
import * as Item from "./Item.ts"
import type { Resolved } from "./Options.ts"

/** The requests of one verb. None is sent after the verb is over. */
export interface Session {
  readonly send: <Output>(command: Command) => Promise<Output>
  /**
   * Sends a conditional write. Returns the present item if the condition failed, and nothing if the write was carried
   * out.
   */
  readonly write: (command: Command) => Promise<Item.Found | undefined>
  /**
   * Sends a conditional removal, and returns the removed item. Returns nothing if it cannot be known: the SDK sent the
   * removal again, because the reply of the first one was lost, and found no item.
   */
  readonly remove: (command: Command) => Promise<Item.Found | undefined>
  /** Waits a random time, longer with every attempt, for other writers to finish. */
  readonly pause: (attempt: number) => Promise<void>
}

/** The bounds of the pause between two attempts, in milliseconds. */
const [base, longest] = [2, 200]

/** The requests over one client, as bounded calls. */
export class Calls {
  private readonly client: Client
  private readonly clock: StoreClock.StoreClock
  private readonly calls: BoundedCalls.Calls

  constructor({ client, clock, space, timeout }: Resolved) {
    this.client = client
    this.clock = clock
    this.calls = BoundedCalls.make({ failures: failuresOf(space.table), timeout })
  }

  /** Leaves no timer behind, unless a verb is under way. */
  close(): void {
    this.calls.close()
  }

  /** Runs a verb until its time is over or its caller leaves. No request is sent after that. */
  run<A>(
    operation: Operation,
    key: string | undefined,
    verb: (session: Session) => Promise<A>
  ): Effect.Effect<A, AdapterError> {
    return this.calls.run(operation, key, ({ signal }) => verb(this.session(signal)))
  }

  private session(signal: AbortSignal): Session {
    const { client, clock } = this
    const send = async <Output>(command: Command, attempts = new Attempts(clock)): Promise<Output> => {
      signal.throwIfAborted()
      command.middlewareStack.add(attempts.middleware as never, middlewareOptions)
      return client.send(command, { abortSignal: signal }) as Promise<Output>
    }
    return {
      send,
      write: async (command) => {
        const attempts = new Attempts(clock)
        try {
          await send(command, attempts)
          return undefined
        } catch (error) {
          const found = unmet(error)
          if (found === false) throw error
          // The item is gone, and an earlier attempt may have removed it.
          if (found.item === undefined && attempts.doubtful && command instanceof DeleteItemCommand) return undefined
          return Item.decode(found.item)
        }
      },
      remove: async (command) => {
        const attempts = new Attempts(clock)
        try {
          return Item.decode((await send<DeleteItemCommandOutput>(command, attempts)).Attributes)
        } catch (error) {
          if (unmet(error) === false) throw error
          return attempts.doubtful ? undefined : Item.decode(undefined)
        }
      },
      pause: (attempt) =>
        new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(longest, base * 2 ** attempt)))
    }
  }
}

interface Response {
  readonly statusCode?: number
  readonly headers?: Readonly<Record<string, string | undefined>>
}

/** The part of the SDK's middleware that is used. */
type Next = (args: unknown) => Promise<{ readonly response?: unknown }>

/** The attempts of the SDK at one command. From each reply the clock learns the time. */
class Attempts {
  /** True when an attempt may have been carried out although no reply said so. */
  doubtful = false
  private readonly clock: StoreClock.StoreClock

  constructor(clock: StoreClock.StoreClock) {
    this.clock = clock
  }

  readonly middleware =
    (next: Next): Next =>
    async (args) => {
      const sent = performance.now()
      let status = 500
      try {
        const result = await next(args)
        const response = (result.response ?? {}) as Response
        status = response.statusCode ?? 0
        this.clock.learn(response.headers?.["date"], sent, performance.now())
        return result
      } finally {
        this.doubtful ||= status >= 500
      }
    }
}

const middlewareOptions = { step: "deserialize", priority: "low", name: "cacheLockingClock" } as const
