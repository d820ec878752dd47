/**
 * The part of the SDK's clients that the adapter uses.
 *
 * Commands are the plain ones of `@aws-sdk/client-dynamodb`, even through a document client: only a few known
 * attributes are marshalled here, and the marshalling settings of a document client are its owner's.
 */

/** The part of an SDK command that matters here. */
export interface Command {
  readonly middlewareStack: {
    readonly add: (middleware: never, options: { step: "deserialize"; priority: "low"; name: string }) => void
  }
}

/** A `DynamoDBClient` or a `DynamoDBDocumentClient`. */
export interface Client {
  readonly config: object
  /** Untyped, because the commands of the two have no type in common. */
  readonly send: (command: any, options?: any) => Promise<any>
}

/** True for a client of DynamoDB, and not for its options or the client of another service. */
export const isClient = (given: unknown): given is Client => {
  if (typeof given !== "object" || given === null) return false
  const { config, send } = given as { readonly config?: { readonly serviceId?: unknown }; readonly send?: unknown }
  return typeof send === "function" && typeof config === "object" && config?.serviceId === "DynamoDB"
}
