import type { Binary } from "./Binary.ts"
import { type BinarySource, findBinary } from "./Binary.ts"
import { freePort, releasePort } from "./Port.ts"
import { NotControllable, ServerFailed, Unavailable } from "./Problem.ts"
import { type Command, ServerProcess } from "./ServerProcess.ts"

/** The origin of a server: an environment variable gives it, or it was started from a binary. */
export interface Origin {
  readonly how: "environment" | "path" | "installed" | "unpacked"
  readonly version: string
}

/** The controls of every server, whether it is one process or many. */
export interface Controls extends AsyncDisposable {
  readonly kind: string
  readonly url: string
  readonly origin: Origin
  /** False for a server given by the environment: then all but `stop` reject with `NotControllable`. */
  readonly controllable: boolean
  /** Ends it for good and removes its data. Does nothing to a server from the environment. */
  stop(): Promise<void>
  /** SIGKILL, and wait until it has ended. `restart` starts it again. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay, nothing is answered. */
  pause(): Promise<void>
  /** SIGCONT. */
  resume(): Promise<void>
  /** The same address again, empty. */
  restart(): Promise<void>
}

export interface StartOptions {
  /** True to start one of our own even where the environment gives one: for tests that kill, pause or fill it. */
  readonly own?: boolean
  /** More arguments for the command line. */
  readonly args?: ReadonlyArray<string>
  readonly port?: number
}

/** Finds and starts a process of our own, and checks that it serves. */
export interface Launcher {
  readonly kind: string
  readonly binary: BinarySource | Binary
  readonly url: (port: number) => string
  readonly launch: (options: {
    readonly binary: Binary
    readonly port: number
    readonly directory: string
    readonly args: ReadonlyArray<string>
  }) => Command | Promise<Command>
  /** True when the process `pid` itself serves at `url`, not another that took the port before it. */
  readonly ready: (url: string, pid: number, directory: string) => Promise<boolean>
  readonly stopSignal?: NodeJS.Signals
}

/** The definition of a kind of server that is one process. Each kind has one. */
export interface ServerDefinition extends Launcher {
  /** The environment variable that gives a server of this kind. */
  readonly variable: string
  readonly defaultPort: number
  /** The version of a server given by the environment; rejects if nothing answers there. */
  readonly version: (url: string) => Promise<string>
}

interface Parts {
  readonly kind: string
  readonly url: string
  readonly host: string
  readonly port: number
  readonly origin: Origin
  readonly process?: ServerProcess
}

/** One server: one address, and at most one process behind it that is ours. */
export class Server implements Controls {
  readonly kind: string
  readonly url: string
  readonly host: string
  readonly port: number
  readonly origin: Origin
  private readonly process: ServerProcess | undefined

  constructor(parts: Parts) {
    this.kind = parts.kind
    this.url = parts.url
    this.host = parts.host
    this.port = parts.port
    this.origin = parts.origin
    this.process = parts.process
  }

  get controllable(): boolean {
    return this.process !== undefined
  }

  get pid(): number | undefined {
    return this.process?.pid
  }

  /** The end of what the server printed. */
  get log(): string {
    return this.process?.log ?? ""
  }

  async stop(): Promise<void> {
    if (this.process === undefined) return
    await this.process.dispose()
    releasePort(this.port)
  }

  async kill(): Promise<void> {
    await this.own("kill").end("SIGKILL")
  }

  async pause(): Promise<void> {
    await this.own("pause").pause()
  }

  async resume(): Promise<void> {
    this.own("resume").resume()
  }

  async restart(): Promise<void> {
    const process = this.own("restart")
    await process.end()
    await process.launch()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  private own(operation: string): ServerProcess {
    if (this.process === undefined) throw new NotControllable(this.kind, operation)
    return this.process
  }
}

/** The value of the environment variable, unless it is empty or the caller insists on a server of our own. */
export const fromEnvironment = (variable: string, options: { readonly own?: boolean }): string | undefined => {
  const value = process.env[variable]
  return value === undefined || value === "" || options.own === true ? undefined : value
}

/** Checks a server given by the environment with `version`, so that a wrong address is reported at once. */
export const givenOrigin = async (kind: string, variable: string, version: Promise<string>): Promise<Origin> => {
  try {
    return { how: "environment", version: await version }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Unavailable(kind, `${variable} is set, but the server it names does not answer: ${message}`, { cause })
  }
}

// Another process may take the port between our check and the server's bind.
const attempts = 4

/** Starts a process of our own. Rejects with `Unavailable` if no binary can be found. */
export const startOwn = async (launcher: Launcher, options: StartOptions = {}): Promise<Server> => {
  const { kind } = launcher
  const binary = "path" in launcher.binary ? launcher.binary : await findBinary(kind, launcher.binary)
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    const url = launcher.url(port)
    const child = new ServerProcess({
      kind,
      launch: (directory) => launcher.launch({ binary, port, directory, args: options.args ?? [] }),
      ready: (pid, directory) => launcher.ready(url, pid, directory),
      ...(launcher.stopSignal === undefined ? {} : { stopSignal: launcher.stopSignal })
    })
    try {
      await child.launch()
      const origin: Origin = { how: binary.how, version: binary.version }
      return new Server({ kind, url, host: "127.0.0.1", port, origin, process: child })
    } catch (error) {
      await child.dispose()
      releasePort(port)
      const portTaken = error instanceof ServerFailed && /in use|EADDRINUSE|could not bind/i.test(error.log)
      if (!portTaken || options.port !== undefined || attempt === attempts) throw error
    }
  }
}

/** The server that the environment gives, or a process of our own. Rejects with `Unavailable` if there is neither. */
export const startServer = async (definition: ServerDefinition, options: StartOptions = {}): Promise<Server> => {
  const { defaultPort, kind, variable } = definition
  const url = fromEnvironment(variable, options)
  if (url === undefined) return await startOwn(definition, options)
  const origin = await givenOrigin(kind, variable, Promise.resolve(url).then(definition.version))
  const { hostname, port } = new URL(url)
  return new Server({
    kind,
    url,
    host: hostname === "" ? "127.0.0.1" : hostname,
    port: port === "" ? defaultPort : Number(port),
    origin
  })
}
