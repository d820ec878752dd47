/** The conditions of a store on its worst day, and how each is made, or why it is not. */
import type { ChildProcess } from "node:child_process"
import type { FaultProxy } from "@cache-locking/test-servers"
import type { Opened } from "../backends/Backend.ts"

export const conditions = ["refused", "silent", "slow", "full", "read-only", "restarted empty", "failing over"] as const

export type Condition = (typeof conditions)[number]

/** The store of one cell, and its callers' ways to it. */
export interface Stage {
  readonly opened: Opened
  /** The address of the store itself. Not for a cluster, whose primary is this process. */
  readonly url: string
  /** One for each caller; none for a cluster. */
  readonly proxies: ReadonlyArray<FaultProxy>
  /** The callers' processes, as far as they run. */
  readonly children: ReadonlyArray<ChildProcess>
  /** Lets the callers' new connections lead to another port. */
  readonly lead: (port: number) => void
  /** Runs a function when the cell is over. */
  readonly onEnd: (end: () => Promise<unknown>) => void
}

/** A condition that has been prepared. */
export interface Trouble {
  /** Completes when it is in force. */
  readonly begin: () => Promise<unknown>
  /** Lets it last for some milliseconds; by default nothing happens meanwhile. */
  readonly last?: (millis: number) => Promise<unknown>
  /** Completes when the store could answer again. */
  readonly end: () => Promise<unknown>
}

export interface Made {
  /** How it is made, in words for the page. */
  readonly how: string
  /** Milliseconds that it lasts; by default as long as the run says. */
  readonly lasts?: number
  /** More arguments for the server's command line. */
  readonly args?: ReadonlyArray<string>
  readonly make: (stage: Stage) => Trouble | Promise<Trouble>
}

/** A cell that is not measured. */
export interface Without {
  /** Either the store cannot be in this condition, or nothing on a machine like this one can bring it there. */
  readonly without: "meaning" | "stand-in"
  readonly why: string
}

export type Cell = Made | Without

export const isMade = (cell: Cell): cell is Made => "make" in cell
