/** Processes over one store, each with a cache and callers of its own. */
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import type { FleetMessage, FleetOrder, Round } from "./FleetWorker.ts"
import { forkSource } from "./Fork.ts"

/** The result of one process in a round. */
export interface Report {
  readonly durations: ReadonlyArray<number>
  /** The times at which its loads began. Loads that begin in the background are added until the next round. */
  readonly loads: ReadonlyArray<number>
}

/** A process of the fleet. */
export class Ship {
  private readonly process: ChildProcess
  private loads: Array<number> = []
  private settle: ((message: FleetMessage | Error) => void) | undefined
  private onLoad: ((at: number) => void) | undefined

  private constructor(child: ChildProcess) {
    this.process = child
    child.on("message", (message: FleetMessage) => {
      if (message.type === "loading") {
        this.loads.push(message.at)
        this.onLoad?.(message.at)
      } else this.settle?.(message)
    })
    child.on("exit", (code, signal) => this.settle?.(new Error(`the process ended with ${signal ?? code}`)))
  }

  static async launch(order: FleetOrder): Promise<Ship> {
    const ship = new Ship(forkSource(new URL("./FleetWorker.ts", import.meta.url), [JSON.stringify(order)]))
    try {
      await ship.told("ready")
    } catch (error) {
      await ship.kill()
      throw error
    }
    return ship
  }

  /** Starts all; if one fails, ends the others. */
  static async launchAll(orders: ReadonlyArray<FleetOrder>): Promise<Array<Ship>> {
    const launches = await Promise.allSettled(orders.map(Ship.launch))
    const ships = launches.flatMap((launch) => (launch.status === "fulfilled" ? [launch.value] : []))
    const failed = launches.find((launch) => launch.status === "rejected")
    if (failed === undefined) return ships
    await Promise.all(ships.map((ship) => ship.close()))
    throw failed.reason
  }

  private told<T extends FleetMessage["type"]>(type: T): Promise<Extract<FleetMessage, { readonly type: T }>> {
    return new Promise((resolve, reject) => {
      this.settle = (message) => {
        this.settle = undefined
        if (message instanceof Error) reject(message)
        else if (message.type === type) resolve(message as Extract<FleetMessage, { readonly type: T }>)
        else reject(new Error(message.type === "failed" ? message.error : `${message.type} instead of ${type}`))
      }
    })
  }

  async round(order: Round): Promise<Report> {
    this.loads = []
    const told = this.told("done")
    this.process.send(order)
    const { durations, wrong } = await told
    if (wrong > 0) throw new Error(`${wrong} callers got another value`)
    return { durations, loads: this.loads }
  }

  /** The time at which its next load begins. */
  loading(): Promise<number> {
    return new Promise((resolve) => {
      this.onLoad = resolve
    })
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    this.settle = undefined
    const exit = once(this.process, "exit")
    this.process.kill("SIGKILL")
    await exit
  }

  async close(): Promise<void> {
    if (this.process.connected) {
      const left = Promise.race([once(this.process, "exit"), new Promise((resolve) => setTimeout(resolve, 1_000))])
      this.settle = undefined
      this.process.send("close")
      await left
    }
    await this.kill()
  }
}
