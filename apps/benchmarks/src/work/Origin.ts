/** The origin of all contenders: a value of 100 bytes, different for each key, and a count of the loads. */
import { strictEqual } from "node:assert/strict"

export type Load = (key: string) => Promise<string>

const letters = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(3)

/** A flat string of its own in memory, 100 characters of one byte each, beginning with its key. */
export const valueOf = (key: string): string =>
  Buffer.from(`${key}|${letters}`.slice(0, 100), "latin1").toString("latin1")

/** The key that a value belongs to. */
export const keyOf = (value: string): string => value.slice(0, value.indexOf("|"))

/** Counts its loads. */
export class Origin {
  loads = 0
  private readonly wait: (() => Promise<unknown>) | undefined

  constructor(wait?: () => Promise<unknown>) {
    this.wait = wait
  }

  readonly load: Load = async (key) => {
    this.loads++
    if (this.wait !== undefined) await this.wait()
    return valueOf(key)
  }

  /** Throws unless there were exactly this many loads. */
  expect(loads: number, who: string): void {
    strictEqual(this.loads, loads, `${who}: ${this.loads} loads instead of ${loads}`)
  }
}

/** Throws unless it is the value of the key. */
export const check = (value: unknown, key: string, who: string): void =>
  strictEqual(value, valueOf(key), `${who} answers with another value`)
