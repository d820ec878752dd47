/**
 * The part of the SDK's clients that the adapter uses.
 *
 * Commands are the plain ones of `@aws-sdk/client-dynamodb`, through a document client too: what is marshalled here
 * is a handful of known attributes, and how a document client was told to marshal is its owner's affair.
 */

/** A command of the SDK, as far as it matters here. */
export interface Command {
  readonly middlewareStack: {
    readonly add: (middleware: never, options: { step: "deserialize"; priority: "low"; name: string }) => void
  }
}

/** A `DynamoDBClient` or a `DynamoDBDocumentClient`. */
export interface Client {
  readonly config: object
  /** Untyped, as the commands of the two have no type in common. */
  readonly send: (command: any, options?: any) => Promise<any>
}

/** Whether it is a client of DynamoDB, and not its options, nor that of another service. */
export const isClient = (given: unknown): given is Client => {
  if (typeof given !== "object" || given === null) return false
  const { config, send } = given as { readonly config?: { readonly serviceId?: unknown }; readonly send?: unknown }
  return typeof send === "function" && typeof config === "object" && config?.serviceId === "DynamoDB"
}
