/** Many callers of one process. */

/** Callers at a time. */
export const together = 50

/** Calls the function for 0 up to `n`: every caller takes the next number as soon as it has finished one. */
export const asCrowd = async (n: number, ask: (i: number) => Promise<void>): Promise<void> => {
  let next = 0
  const caller = async () => {
    while (next < n) await ask(next++)
  }
  await Promise.all(Array.from({ length: together }, caller))
}

/** Distinct for every run of every contender, so that none finds the values of another. */
export const stamp = (): string => `${process.pid.toString(36)}${(++stamps).toString(36)}`
let stamps = 0
