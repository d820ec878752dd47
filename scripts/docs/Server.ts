import * as TestServers from "@cache-locking/test-servers"

/** A running server for examples, and the environment in which they find it. */
export interface ExampleServer extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>
}

/** Starts the server that an example names by its kind (`redis`, `postgres`, …). */
export const startServer = async (kind: string): Promise<ExampleServer> => {
  const known: ReadonlyArray<unknown> = Object.values(TestServers)
  const starter = known.filter(isStarter).find((each) => each.kind === kind)
  if (starter === undefined) throw new Error(`no server of the kind "${kind}" in @cache-locking/test-servers`)
  const server = await starter.start()
  return { env: { [starter.variable]: server.url }, [Symbol.asyncDispose]: () => server.stop() }
}

interface Starter {
  readonly kind: string
  readonly variable: string
  readonly start: () => Promise<{ readonly url: string; stop(): Promise<void> }>
}

const isStarter = (value: unknown): value is Starter =>
  typeof value === "object" && value !== null && "kind" in value && "variable" in value && "start" in value
