const pairs = new WeakMap<object, WeakMap<object, object>>()

/** One object for each pair of objects: what is made of the same two is the same to flights. */
export const ofPair = (first: object, second: object): object => {
  const bySecond = pairs.get(first) ?? new WeakMap<object, object>()
  const identity = bySecond.get(second) ?? {}
  pairs.set(first, bySecond.set(second, identity))
  return identity
}
