/**
 * One listener for all callers that wait with the same signal. A signal looks through its listeners at each change of
 * them, so 16,000 callers of one signal would take seconds, and some classes of signals warn at eleven listeners.
 */

/** A caller that waits with a signal. */
export interface SignalCaller {
  /** Called when the signal fires. */
  aborted(): void
}

const listeners = new WeakMap<AbortSignal, SignalListener>()

class SignalListener {
  readonly callers = new Set<SignalCaller>()

  /** Receives the signal's `abort`. A caller that leaves meanwhile, because another has left, is not told. */
  handleEvent(): void {
    for (const caller of this.callers) caller.aborted()
  }
}

/** Tells a caller of the signal's abort, until `unlisten`. */
export const listen = (signal: AbortSignal, caller: SignalCaller): void => {
  const present = listeners.get(signal)
  if (present !== undefined) {
    present.callers.add(caller)
    return
  }
  const listener = new SignalListener()
  signal.addEventListener("abort", listener, { once: true })
  listener.callers.add(caller)
  listeners.set(signal, listener)
}

/** Safe to repeat. The last caller takes the listener away. */
export const unlisten = (signal: AbortSignal, caller: SignalCaller): void => {
  const listener = listeners.get(signal)
  if (!listener?.callers.delete(caller) || listener.callers.size > 0) return
  listeners.delete(signal)
  signal.removeEventListener("abort", listener)
}
