/** A closed walk over modules, each importing the next, the last importing the first. */
export type Cycle = ReadonlyArray<string>

/**
 * One cycle for every group of modules that reach each other (the strongly connected components, by
 * Tarjan), which is enough: breaking it shows the next.
 */
export const findCycles = (edges: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyArray<Cycle> => {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: Array<string> = []
  const cycles: Array<Cycle> = []

  const visit = (node: string): void => {
    const own = index.size
    index.set(node, own)
    low.set(node, own)
    stack.push(node)
    for (const next of edges.get(node) ?? []) {
      if (!index.has(next)) {
        visit(next)
        low.set(node, Math.min(low.get(node)!, low.get(next)!))
      } else if (stack.includes(next)) {
        low.set(node, Math.min(low.get(node)!, index.get(next)!))
      }
    }
    if (low.get(node) === own) {
      const group = new Set(stack.splice(stack.indexOf(node)))
      const walk = shortestWalk(node, group, edges)
      if (walk !== undefined) cycles.push(walk)
    }
  }

  for (const node of edges.keys()) if (!index.has(node)) visit(node)
  return cycles
}

/** The shortest way from `start` back to itself within `group`, breadth first. */
const shortestWalk = (
  start: string,
  group: ReadonlySet<string>,
  edges: ReadonlyMap<string, ReadonlySet<string>>
): Cycle | undefined => {
  const queue: Array<Cycle> = [[start]]
  const seen = new Set<string>()
  for (let walk = queue.shift(); walk !== undefined; walk = queue.shift()) {
    for (const next of edges.get(walk.at(-1)!) ?? []) {
      if (next === start) return walk
      if (!group.has(next) || seen.has(next)) continue
      seen.add(next)
      queue.push([...walk, next])
    }
  }
  return undefined
}
