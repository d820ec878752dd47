/** Verdicts on our figures in words, whether we win or lose. */
import type { Rows } from "./Suite.ts"

export interface Words {
  readonly better: string
  readonly same: string
  readonly worse: string
}

export const speed: Words = { better: "faster than", same: "as fast as", worse: "slower than" }
export const size: Words = { better: "smaller than", same: "as large as", worse: "larger than" }

/** Differences that the next run may reverse. */
const noise = 0.05

const list = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/** Compares one of ours with all the others, round by round. */
export const compared = (rows: Rows, name: string, metric: string, words: Words): string => {
  const all = rows.others.map((other) => ({ other, ratio: rows.ratio(name, other, metric) }))
  const part = (text: string, holds: (ratio: number) => boolean): Array<string> => {
    const names = all.filter(({ ratio }) => holds(ratio)).map(({ other }) => other)
    return names.length === 0 ? [] : [`${text} ${list(names)}`]
  }
  return `**${name}** is ${[
    ...part(words.worse, (ratio) => ratio > 1 + noise),
    ...part(words.same, (ratio) => ratio >= 1 - noise && ratio <= 1 + noise),
    ...part(words.better, (ratio) => ratio < 1 - noise)
  ].join("; ")}.`
}

/** True when one's figures are lower, or equal within a difference that the next run may reverse. */
export const notAbove = (rows: Rows, name: string, other: string, metric: string): boolean =>
  rows.ratio(name, other, metric) <= 1 + noise
