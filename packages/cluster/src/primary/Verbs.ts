/** All verbs that a link may call, by name. */
import { finite, text } from "./Arguments.ts"
import { cacheVerbs } from "./CacheVerbs.ts"
import { contractVerbs } from "./ContractVerbs.ts"
import { Refused } from "./Refused.ts"
import type { Space } from "./Space.ts"
import type { Caller, Verb } from "./Verb.ts"

/** A map, because every `get` in the primary looks here, and an object was 5 % slower. */
export const verbs: ReadonlyMap<string, Verb> = new Map(
  Object.entries<Verb>({
    ...contractVerbs,
    ...cacheVerbs,
    list: (space, [given, prefix, what], { listings }) => {
      const id = finite(given)
      listings.begin(id, space.keys(text(prefix), what === "leased"), what === "entries")
      return listings.next(id, space)
    },
    nextPage: (space, [id], { listings }) => listings.next(finite(id), space),
    endListing: (_, [id], { listings }) => listings.end(finite(id)),
    ping: () => true
  })
)

const ofHolder: ReadonlySet<string> = new Set(["fill", "renew", "abandon"])

/** True for the verbs of a lease's holder. They begin nothing, so they do not open a namespace that was destroyed. */
export const isOfHolder = (verb: string): boolean => ofHolder.has(verb)

/** Carries out a call. */
export const run = (space: Space, verb: string, args: ReadonlyArray<unknown>, caller: Caller): unknown => {
  const f = verbs.get(verb)
  if (f === undefined) throw new Refused("Malformed", "there is no such verb")
  return f(space, args, caller)
}
