/** The timers of our packages that have neither run nor been cleared, unreferenced ones included. */
const ours = /packages\/[\w-]+\/src\//

export class OpenTimers {
  private readonly begun = new Map<unknown, string>()

  constructor() {
    const { clearInterval, clearTimeout, setInterval, setTimeout } = globalThis
    const noted = (timer: unknown): void => {
      const stack = new Error().stack ?? ""
      if (ours.test(stack)) this.begun.set(timer, stack)
    }
    globalThis.setTimeout = ((run: (...args: Array<unknown>) => void, ...rest: [number, ...Array<unknown>]) => {
      const timer = setTimeout(
        (...args) => {
          this.begun.delete(timer)
          run(...args)
        },
        ...rest
      )
      noted(timer)
      return timer
    }) as typeof setTimeout
    globalThis.setInterval = ((...args: Parameters<typeof setInterval>) => {
      const timer = setInterval(...args)
      noted(timer)
      return timer
    }) as typeof setInterval
    globalThis.clearTimeout = (timer) => {
      this.begun.delete(timer)
      clearTimeout(timer)
    }
    globalThis.clearInterval = (timer) => {
      this.begun.delete(timer)
      clearInterval(timer)
    }
  }

  /** Where each of them was begun. */
  get open(): ReadonlyArray<string> {
    return [...this.begun.values()]
  }
}
