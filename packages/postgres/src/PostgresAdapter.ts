/**
 * The contract over Postgres.
 *
 * Every verb is one statement (see `Statements`) on one table (see `Schema`).
 */
import {
  type Adapter,
  type AdapterError,
  AdapterLayer,
  Check,
  type InvalidOption,
  type ListingAdapter,
  ValueStore
} from "@cache-locking/core"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import postgres from "postgres"
import { noop } from "./Link.ts"
import {
  type Client,
  checkConfigured,
  checkPlace,
  type Options,
  type Place,
  resolve,
  type Settings,
  type WithLeases
} from "./Options.ts"
import * as Schema from "./Schema.ts"
import * as Setup from "./Setup.ts"
import { here } from "./Space.ts"
import { values } from "./Values.ts"
import { Verbs } from "./Verbs.ts"

export type { Client, Options, Place, Settings, WithLeases } from "./Options.ts"
export { SetupFailed } from "./Setup.ts"

/**
 * A cache in Postgres. It needs its table, which `setup` makes.
 *
 * @example
 * ```ts
 * import { PostgresAdapter } from "@cache-locking/postgres"
 * import * as Effect from "effect/Effect"
 * import postgres from "postgres"
 *
 * const options = { client: postgres("postgres://localhost/app"), prefix: "app" }
 * await Effect.runPromise(PostgresAdapter.setup(options))
 * const adapter = PostgresAdapter.make(options)
 * ```
 *
 * @throws InvalidOption
 */
export const make: {
  (options: WithLeases & { readonly leases: ListingAdapter }): ListingAdapter
  (options: WithLeases): Adapter
  (options: Options): ListingAdapter
} = (options: Options): ListingAdapter => {
  const resolved = resolve(options)
  // It lists the keys of the leases, as the types above say.
  if (resolved.leases !== undefined) return ValueStore.withLeases(values(resolved), resolved.leases) as ListingAdapter
  const verbs = new Verbs(resolved)
  return {
    ...here,
    identity: resolved.space,
    acquire: verbs.acquire,
    acquireMany: verbs.acquireMany,
    fill: verbs.fill,
    abandon: verbs.abandon,
    renew: verbs.renew,
    delete: verbs.delete,
    deleteMany: verbs.deleteMany,
    put: verbs.put,
    touch: verbs.touch,
    read: verbs.read,
    watch: resolved.watch ? verbs.watch : undefined,
    changes: resolved.watch ? verbs.changes : undefined,
    keys: verbs.keys,
    close: verbs.close
  }
}

/**
 * Makes the schema and the table, if they do not exist. Any number of processes may run it at once, any number of
 * times. It needs the permission to create only if something is missing.
 *
 * Another table of that name is refused (`Unrecognised`) and not touched.
 *
 * @throws InvalidOption
 */
export const setup = (options: Options): Effect.Effect<void, Setup.SetupFailed> => {
  const { link, space, unlogged } = resolve(options)
  return Setup.run(link.client, { ...space.names, unlogged })
}

/**
 * The statements of `setup`, to be run by other means.
 *
 * @example
 * ```ts
 * import { PostgresAdapter } from "@cache-locking/postgres"
 *
 * console.log(PostgresAdapter.ddl({ schema: "app", table: "cache" }))
 * ```
 *
 * @throws InvalidOption
 */
export const ddl = (place: Place = {}): string =>
  Schema.statements(checkPlace(place))
    .map((statement) => `${statement};\n`)
    .join("")

/**
 * Removes all expired rows of the table, of every prefix, a thousand at a time, and returns their number. It touches no
 * live lease, and blocks no other statement. Run it on a schedule where there are too few writes to collect enough; see
 * the option `collect`.
 *
 * @throws InvalidOption
 */
export const collect = (options: Options): Effect.Effect<number, AdapterError> => new Verbs(resolve(options)).collect

/**
 * The adapter as a layer. The caller owns the client, and the table must exist.
 *
 * @throws InvalidOption
 */
export const layer: {
  (options: WithLeases & { readonly leases: ListingAdapter }): Layer.Layer<Adapter | ListingAdapter>
  (options: WithLeases): Layer.Layer<Adapter>
  (options: Options): Layer.Layer<Adapter | ListingAdapter>
} = (options: Options) => AdapterLayer.of(make(options))

/** The configuration of `layerConfig`. */
export interface Configured extends Settings {
  /** `postgres://`, with credentials, database and anything else that postgres.js reads from a URL. */
  readonly url: Redacted.Redacted
  /** True to make a missing table when the layer is built. Default `false`. */
  readonly setup?: boolean | undefined
}

/** The longest pause between attempts to connect, in seconds; the client's own grows to 20. */
const longestPause = 1

const open = (url: string) => {
  // Without a URL the client would look for a server by itself.
  if (!/^postgres(ql)?:\/\//.test(url)) throw new TypeError("no URL of Postgres")
  return postgres(url, {
    onnotice: noop,
    // The client's own question for types, which nobody needs here. Its failure would end the process.
    fetch_types: false,
    backoff: (attempt: number) => Math.min(3 ** attempt / 100, longestPause) * (0.5 + Math.random() / 2)
  })
}

/** A client of our own, which another one may replace. */
class OwnClient {
  current: Client
  private readonly url: string

  constructor(url: string) {
    this.url = url
    this.current = open(url)
  }

  readonly reopen = (): Client => {
    this.current = open(this.url)
    return this.current
  }
}

const connect = (url: Redacted.Redacted) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => new OwnClient(Redacted.value(url)),
      // Shows neither the URL nor the message about it: both may contain the password.
      catch: () => Check.invalid("url", "redacted", "a URL of postgres.js: postgres://user:password@host:port/database")
    }),
    (own) => Effect.promise(() => own.current.end({ timeout: 1 }))
  )

const configured = Effect.fnUntraced(function* ({ setup: wanted, url, ...settings }: Configured) {
  yield* Check.attempt(() => checkConfigured(settings))
  const own = yield* connect(url)
  const options = { ...settings, client: own.current }
  resolve(options).link.reopen = own.reopen
  if (wanted === true) yield* setup(options)
  return make(options)
})

/**
 * The adapter as a layer with a client of its own, made from configuration and closed with the layer.
 *
 * @example
 * ```ts
 * import { PostgresAdapter } from "@cache-locking/postgres"
 * import * as Config from "effect/Config"
 *
 * const layer = PostgresAdapter.layerConfig({
 *   url: Config.Redacted("POSTGRES_URL"),
 *   prefix: Config.succeed("app"),
 *   setup: Config.succeed(true)
 * })
 * ```
 */
export const layerConfig = (
  config: Config.Wrap<Configured>
): Layer.Layer<Adapter | ListingAdapter, Config.ConfigError | InvalidOption | Setup.SetupFailed> =>
  AdapterLayer.listing(Effect.flatMap(Config.unwrap(config), configured))
