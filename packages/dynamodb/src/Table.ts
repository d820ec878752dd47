/**
 * The table: its definition and its setup.
 */
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DescribeTableCommandOutput,
  DescribeTimeToLiveCommand,
  type DescribeTimeToLiveCommandOutput,
  type TableDescription,
  UpdateTimeToLiveCommand,
  type UpdateTimeToLiveCommandInput
} from "@aws-sdk/client-dynamodb"
import { Check } from "@cache-locking/core"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Client, Command } from "./Client.ts"
import { failuresOf, isNamed } from "./Failure.ts"
import * as Item from "./Item.ts"
import { checkClient, checkTable } from "./Options.ts"

/** The options of `setup`. */
export interface SetupOptions {
  /** The caller's client, with permission to `DescribeTable`, `CreateTable`, `DescribeTimeToLive` and `UpdateTimeToLive`. */
  readonly client: Client
  /** Default `"cache-locking"`. */
  readonly table?: string | undefined
  /** The longest time that the setup may take. Default 1 minute. */
  readonly timeout?: Duration.Input | undefined
}

/** The requests by which `setup` makes the table, for review or for other tools. */
export interface Definition {
  readonly table: CreateTableCommandInput
  readonly timeToLive: UpdateTimeToLiveCommandInput
}

/**
 * The table could not be set up. `Unavailable` may be temporary, `Rejected` is permanent (a permission).
 * `Unrecognised` means that another table has that name; it was not touched.
 */
export class SetupFailed extends Data.TaggedError("SetupFailed")<{
  readonly table: string
  readonly reason: "Unavailable" | "Rejected" | "Unrecognised"
  readonly message: string
  readonly cause?: unknown
}> {
  /** True when asking again may help. */
  get retryable(): boolean {
    return this.reason === "Unavailable"
  }
}

/** The definition that `setup` would make. Changes nothing. */
export const definition = (options: { readonly table?: string | undefined } = {}): Definition => {
  const { table } = checkTable(options)
  return {
    table: {
      TableName: table,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: Item.keyName, AttributeType: "S" }],
      KeySchema: [{ AttributeName: Item.keyName, KeyType: "HASH" }]
    },
    timeToLive: {
      TableName: table,
      TimeToLiveSpecification: { AttributeName: Item.ttlName, Enabled: true }
    }
  }
}

/** The attempts at a setting that another process may be changing. */
const attempts = 20

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())))

type Send = <Output>(command: Command) => Promise<Output>

/** One run of `setup`. */
class Builder {
  private readonly wanted: Definition
  private readonly send: Send
  private readonly table: string

  constructor(wanted: Definition, send: Send) {
    this.wanted = wanted
    this.send = send
    this.table = wanted.table.TableName!
  }

  async build(): Promise<void> {
    for (;;) {
      const found = await this.describe()
      if (found === undefined) await this.create()
      else {
        this.recognise(found)
        if (found.TableStatus === "ACTIVE" || found.TableStatus === "UPDATING") break
        await pause(200)
      }
    }
    await this.expire()
  }

  private async describe(): Promise<TableDescription | undefined> {
    try {
      const found = await this.send<DescribeTableCommandOutput>(new DescribeTableCommand({ TableName: this.table }))
      return found.Table
    } catch (error) {
      if (isNamed(error, "ResourceNotFoundException")) return undefined
      throw error
    }
  }

  private async create(): Promise<void> {
    try {
      await this.send(new CreateTableCommand(this.wanted.table))
    } catch (error) {
      // Another process was faster. Its table may take a moment to appear.
      if (!isNamed(error, "ResourceInUseException")) throw error
      await pause(50)
    }
  }

  private recognise({ AttributeDefinitions = [], KeySchema = [] }: TableDescription): void {
    const [key] = KeySchema
    const type = AttributeDefinitions.find(({ AttributeName }) => AttributeName === Item.keyName)?.AttributeType
    if (KeySchema.length === 1 && key?.AttributeName === Item.keyName && type === "S") return
    throw this.refusal(`its key is not the string ${Item.keyName} alone`)
  }

  /** Makes DynamoDB collect expired items. */
  private async expire(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { TimeToLiveDescription: found } = await this.send<DescribeTimeToLiveCommandOutput>(
        new DescribeTimeToLiveCommand({ TableName: this.table })
      )
      const status = found?.TimeToLiveStatus
      if (status === "ENABLED" || status === "ENABLING") {
        if (found?.AttributeName === Item.ttlName) return
        throw this.refusal(`it expires by ${found?.AttributeName}, not by ${Item.ttlName}`)
      }
      if (status !== "DISABLING") {
        try {
          await this.send(new UpdateTimeToLiveCommand(this.wanted.timeToLive))
          return
        } catch (error) {
          // Another process was faster, or the setting changed a moment ago.
          const raced = ["ValidationException", "ResourceInUseException", "LimitExceededException"]
          if (attempt >= attempts || !raced.some((name) => isNamed(error, name))) throw error
        }
      }
      await pause(20 * attempt)
    }
  }

  private refusal(why: string): SetupFailed {
    return new SetupFailed({
      table: this.table,
      reason: "Unrecognised",
      message: `the table ${this.table} is not a cache's: ${why}`
    })
  }
}

const setupFailed = (table: string, error: unknown): SetupFailed => {
  if (error instanceof SetupFailed) return error
  const { cause, message, reason } = failuresOf(table).of("put", undefined, error)
  return new SetupFailed({ table, reason, message, cause })
}

/**
 * Makes the table and has DynamoDB collect expired items, unless that is done already. Any number of processes may
 * run it at once. Another table of that name is refused and not touched.
 *
 * @example
 * ```ts
 * import { DynamoDBClient } from "@aws-sdk/client-dynamodb"
 * import { DynamoDbAdapter } from "@cache-locking/dynamodb"
 * import * as Effect from "effect/Effect"
 *
 * const program = DynamoDbAdapter.setup({ client: new DynamoDBClient({}), table: "app-cache" })
 * const done: Promise<void> = Effect.runPromise(program)
 * ```
 *
 * @throws InvalidOption
 */
export const setup = (options: SetupOptions): Effect.Effect<void, SetupFailed> => {
  Check.known(options, new Set(["client", "table", "timeout"]))
  const client = checkClient(options.client)
  const wanted = definition({ table: options.table })
  const table = wanted.table.TableName!
  const timeout = Check.duration("timeout", options.timeout ?? 60_000, { min: 1, infinite: false })
  const run = Effect.tryPromise({
    try: (signal) => {
      const send: Send = async (command) => {
        signal.throwIfAborted()
        return client.send(command, { abortSignal: signal })
      }
      return new Builder(wanted, send).build()
    },
    catch: (error) => setupFailed(table, error)
  })
  return Effect.timeoutOrElse(run, {
    duration: timeout,
    orElse: () =>
      Effect.fail(
        new SetupFailed({
          table,
          reason: "Unavailable",
          message: `the table ${table} is not ready after ${timeout} ms`
        })
      )
  })
}
