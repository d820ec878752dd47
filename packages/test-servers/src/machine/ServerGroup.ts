import { NotControllable } from "./Problem.ts"
import type { Controls, Origin, Server } from "./Server.ts"

/** Starts them all at once; if one fails, stops the others and rejects with its error. */
export const startAll = async (starts: ReadonlyArray<() => Promise<Server>>): Promise<ReadonlyArray<Server>> => {
  const outcomes = await Promise.allSettled(starts.map((start) => start()))
  const started = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []))
  const failure = outcomes.find((outcome) => outcome.status === "rejected")
  if (failure === undefined) return started
  await Promise.all(started.map((server) => server.stop()))
  throw failure.reason
}

interface GroupParts {
  readonly kind: string
  readonly url: string
  readonly origin: Origin
  readonly members: ReadonlyArray<Server>
}

/** Several processes that are one server to their clients. `members` is empty for one given by the environment. */
export abstract class ServerGroup implements Controls {
  readonly kind: string
  readonly url: string
  readonly origin: Origin
  protected readonly members: ReadonlyArray<Server>

  constructor(parts: GroupParts) {
    this.kind = parts.kind
    this.url = parts.url
    this.origin = parts.origin
    this.members = parts.members
  }

  get controllable(): boolean {
    return this.members.length > 0
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((server) => server.stop()))
  }

  async kill(): Promise<void> {
    await Promise.all(this.own("kill").map((server) => server.kill()))
  }

  async pause(): Promise<void> {
    await Promise.all(this.own("pause").map((server) => server.pause()))
  }

  async resume(): Promise<void> {
    await Promise.all(this.own("resume").map((server) => server.resume()))
  }

  abstract restart(): Promise<void>

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  protected own(operation: string): ReadonlyArray<Server> {
    if (!this.controllable) throw new NotControllable(this.kind, operation)
    return this.members
  }
}
