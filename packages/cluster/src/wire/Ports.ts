/**
 * One interface for the ends of all channels: cluster IPC, a child process's IPC, a `MessagePort`.
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

/** The channels that the primary and its clients accept. */
export type PortLike = IpcPort | MessagePortLike

/** One end of a channel. */
export interface Port {
  /** Sends a message. Calls `done` when the channel has taken it, or at once when the channel is closed. */
  readonly send: (message: unknown, done: () => void) => void
  /** Listens until the function that it returns is called. */
  readonly listen: (received: (message: unknown) => void, closed: () => void) => () => void
}

/** True when the value has the methods of a port. */
export const isPort = (value: unknown): value is PortLike => {
  const { on, off, postMessage, send } = (value ?? {}) as Record<string, unknown>
  const sends = typeof postMessage === "function" || typeof send === "function"
  return sends && typeof on === "function" && typeof off === "function"
}

/** The methods that all ports have. The types of their events have no supertype of their own. */
interface Emitter {
  on(event: string, listener: (message: unknown) => void): unknown
  off(event: string, listener: (message: unknown) => void): unknown
}

/** The same interface for every kind of channel. */
export const portOf = (port: PortLike): Port => {
  const emitter = port as Emitter
  // A port closes, a thread exits, a process disconnects.
  const ends = "postMessage" in port ? ["close", "exit"] : ["disconnect"]
  const send = (message: unknown, done: () => void): void => {
    if ("postMessage" in port) port.postMessage(message)
    else if (port.send !== undefined) {
      // It returns false only when the channel is full. The message is not lost, and `done` is called when it has left.
      port.send(message, undefined, undefined, done)
      return
    }
    done()
  }
  return {
    send: (message, done) => {
      try {
        send(message, done)
      } catch {
        done()
      }
    },
    listen: (received, closed) => {
      emitter.on("message", received)
      for (const end of ends) emitter.on(end, closed)
      return () => {
        emitter.off("message", received)
        for (const end of ends) emitter.off(end, closed)
      }
    }
  }
}
