/**
 * The two ends of a channel, made alike: cluster IPC, a child process's IPC, a `MessagePort`.
 */

/** The part of `process`, of a `ChildProcess` and of a cluster `Worker` that is needed. */
export interface IpcPort {
  send?(message: any, handle?: any, options?: any, callback?: (error: Error | null) => void): boolean
  on(event: "message", listener: (message: any) => void): unknown
  on(event: "disconnect", listener: () => void): unknown
  off(event: "message", listener: (message: any) => void): unknown
  off(event: "disconnect", listener: () => void): unknown
}

/** The part of a `MessagePort`, of a thread's `Worker` and of `parentPort` that is needed. */
export interface MessagePortLike {
  postMessage(message: unknown): void
  on(event: "message", listener: (message: any) => void): unknown
  on(event: "close" | "exit", listener: () => void): unknown
  off(event: "message", listener: (message: any) => void): unknown
  off(event: "close" | "exit", listener: () => void): unknown
}

/** What links and hubs may be given. */
export type PortLike = IpcPort | MessagePortLike

/** One end. */
export interface Port {
  /** Hands a message over; `done` is called once the channel has taken it, or at once when it is gone. */
  readonly post: (message: unknown, done: (error?: unknown) => void) => void
  /** Begins to listen; what it returns ends that. */
  readonly listen: (message: (message: unknown) => void, closed: () => void) => () => void
}

/** Whether something is a port at all. */
export const isPort = (value: unknown): value is PortLike => {
  const { on, off, postMessage, send } = (value ?? {}) as Record<string, unknown>
  const sends = typeof postMessage === "function" || typeof send === "function"
  return sends && typeof on === "function" && typeof off === "function"
}

/** The same for every kind. */
export const portOf = (given: PortLike): Port => ("postMessage" in given ? messagePort(given) : ipcPort(given))

const ipcPort = (ipc: IpcPort): Port => ({
  post: (message, done) => {
    try {
      // `false` only says that the channel is full for now: the message is not lost, and the callback tells when it left.
      if (ipc.send === undefined) done(new Error("the channel is closed"))
      else ipc.send(message, undefined, undefined, done)
    } catch (error) {
      done(error)
    }
  },
  listen: (message, closed) => {
    ipc.on("message", message)
    ipc.on("disconnect", closed)
    return () => {
      ipc.off("message", message)
      ipc.off("disconnect", closed)
    }
  }
})

const messagePort = (port: MessagePortLike): Port => ({
  post: (message, done) => {
    try {
      port.postMessage(message)
      done()
    } catch (error) {
      done(error)
    }
  },
  listen: (message, closed) => {
    port.on("message", message)
    // A port closes, a thread exits.
    port.on("close", closed)
    port.on("exit", closed)
    return () => {
      port.off("message", message)
      port.off("close", closed)
      port.off("exit", closed)
    }
  }
})
