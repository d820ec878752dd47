/**
 * The arguments of the command line, with their defaults. Durations are milliseconds.
 */
export interface Settings {
  readonly scenario: string
  readonly store: string
  /** The URL of the store, if it need not be started. */
  readonly url: string | undefined
  readonly processes: number
  /** Per process. */
  readonly callers: number
  readonly keys: ReadonlyArray<string>
  /** The time of one origin call. */
  readonly load: number
  /** The number of calls that the origin serves at once. */
  readonly capacity: number
  /** All callers begin within this time. */
  readonly spread: number
  readonly lease: number
  readonly swr: number
  readonly cooldown: number
  /** The process that leads is killed half-way through its load. */
  readonly kill: boolean
  /** The file for the report, if there is to be one. */
  readonly report: string | undefined
  readonly json: boolean
  /** Only the run with leases, and its findings. */
  readonly check: boolean
}
