/**
 * What a run is asked to do: the arguments, resolved. Durations are milliseconds.
 */
export interface Settings {
  readonly scenario: string
  readonly store: string
  /** Where the store is, if it is not to be started. */
  readonly url: string | undefined
  readonly processes: number
  /** Per process. */
  readonly callers: number
  readonly keys: ReadonlyArray<string>
  /** How long the origin takes. */
  readonly load: number
  /** How many calls the origin serves at once. */
  readonly capacity: number
  /** Within which time callers set out. */
  readonly spread: number
  readonly lease: number
  readonly swr: number
  readonly cooldown: number
  /** Whether the process that leads is killed half-way. */
  readonly kill: boolean
  /** Where the picture goes; nowhere. */
  readonly report: string | undefined
  readonly json: boolean
  /** Only the run with leases, and its verdict. */
  readonly check: boolean
}
