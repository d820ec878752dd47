/**
 * The server that keeps a name: consistent hashing by the highest weight (rendezvous hashing).
 *
 * Every pair of a name and a server has a weight, and the heaviest server keeps the name. When a server comes or goes,
 * only names that it keeps move. The order of the servers does not matter.
 */

/** Mixes a 32-bit number, so that every bit depends on every other. */
const mixed = (bits: number): number => {
  let h = bits
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

const hashOf = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mixed(h)
}

/** The index of the server that keeps a name. */
export type Route = (name: string) => number

/** Names by the highest weight over the servers' addresses. */
export const consistent = (addresses: ReadonlyArray<string>): Route => {
  if (addresses.length === 1) return () => 0
  const seeds = addresses.map(hashOf)
  return (name) => {
    const hash = hashOf(name)
    let best = 0
    let heaviest = -1
    for (let index = 0; index < seeds.length; index++) {
      const weight = mixed(Math.imul(hash, 0x9e3779b1) ^ seeds[index]!)
      if (weight > heaviest) {
        heaviest = weight
        best = index
      }
    }
    return best
  }
}
