/** Many callers of one process. */

/** Callers at a time. */
export const together = 50

/** Does it for 0 up to `n`: every caller goes on to the next as soon as it is done with one. */
export const asCrowd = async (n: number, ask: (i: number) => Promise<void>): Promise<void> => {
  let next = 0
  const caller = async () => {
    while (next < n) await ask(next++)
  }
  await Promise.all(Array.from({ length: together }, caller))
}

/** Distinct for every run of every contender, so that nobody finds what another left. */
export const stamp = (): string => `${process.pid.toString(36)}${(++stamps).toString(36)}`
let stamps = 0
