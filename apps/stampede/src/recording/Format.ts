/**
 * Numbers and lists as people read them.
 */
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })

/** `1,000`. */
export const count = (value: number): string => whole.format(value)

/** `1 call`, `1,000 calls`. */
export const counted = (value: number, noun: string, plural = `${noun}s`): string =>
  `${count(value)} ${value === 1 ? noun : plural}`

/** `0.4 ms`, `12.3 ms`, `203 ms`, `1,204 ms`: three digits are enough. */
export const millis = (value: number): string => {
  const size = Math.abs(value)
  const digits = size < 99.95 ? 1 : 0
  // Never "-0.0 ms".
  return `${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace(/^-(0(\.0)?)$/, "$1")} ms`
}

/** A duration from the command line: `200 ms`, `1.5 s`. */
export const setting = (ms: number): string => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`)

/** `a`, `a and b`, `a, b and c`. */
export const list = (items: ReadonlyArray<string>): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`

/** `process 2`, `processes 1, 3 and 4`, `processes 1–6 and 8–12`. Indexes count from 0, in order. */
export const processes = (indexes: ReadonlyArray<number>): string => {
  const runs: Array<[first: number, last: number]> = []
  for (const index of indexes) {
    const run = runs.at(-1)
    if (run !== undefined && index === run[1] + 1) run[1] = index
    else runs.push([index, index])
  }
  const names = runs.flatMap(([first, last]) => {
    if (last - first >= 2) return [`${first + 1}–${last + 1}`]
    return first === last ? [String(first + 1)] : [String(first + 1), String(last + 1)]
  })
  return `${indexes.length === 1 ? "process" : "processes"} ${list(names)}`
}

export const capitalised = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)
