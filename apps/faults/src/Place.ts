/** The place of a worker: its way to the server, its wall clock, and the process that works there now. */
import { FaultProxy, type WrongClock } from "@cache-locking/test-servers"
import type { Opened } from "./backends/Backend.ts"
import type { PlaceFault } from "./Schedule.ts"
import type { WorkerProcess } from "./WorkerProcess.ts"

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

export class Place implements AsyncDisposable {
  worker: WorkerProcess | undefined
  private readonly proxy: FaultProxy | undefined
  private readonly clock: WrongClock | undefined

  private constructor(proxy: FaultProxy | undefined, clock: WrongClock | undefined) {
    this.proxy = proxy
    this.clock = clock
  }

  static async make({ target }: Opened, clock: WrongClock | undefined, error: number): Promise<Place> {
    // The commands are of no interest here, and cost memory.
    const proxy = target && (await FaultProxy.start({ target, reader: () => ({ read: () => {} }) }))
    clock?.set(error)
    return new Place(proxy, clock)
  }

  get url(): string {
    return this.proxy?.url() ?? ""
  }

  /** The environment of its processes. */
  get env(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.clock?.env }
  }

  /** Lets a fault other than `kill` befall it; completes when the fault is over. */
  async suffer(fault: Exclude<PlaceFault, "kill">, millis: number, by: number): Promise<void> {
    const { proxy, worker } = this
    switch (fault) {
      case "pause":
        worker?.pause()
        await sleep(millis)
        return worker?.resume()
      case "block":
        worker?.send({ do: "block", for: millis })
        return sleep(millis)
      case "clock":
        this.clock?.set(by)
        return sleep(millis)
      case "cut":
        return proxy?.cut()
      case "blackhole":
        proxy?.blackhole()
        break
      case "drop-replies":
        proxy?.dropReplies()
        break
      case "delay":
        proxy?.delay(by, by, "both")
        break
      case "refuse":
        await proxy?.refuse()
        proxy?.cut()
        break
      case "half-close":
        proxy?.limitBytes(by)
        break
    }
    await sleep(millis)
    await proxy?.heal()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy?.stop()
  }
}
