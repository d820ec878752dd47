/**
 * States × events of a flight: what the event means in each state, or the reason why it cannot come.
 */
import type { FlightMeets, FlightState, Unreachable } from "./Cells.ts"

/** What an event means in a state. */
export type FlightCell = string | Unreachable

type Row = { readonly [S in FlightState]: FlightCell }

const never = (unreachable: string): Unreachable => ({ unreachable })

const holds = never("it holds a lease, and asks again only when that is lost, which closes it first")
const noLease = never("it has no lease")
const noStore = never("it loads without the store")
const noFetcher = never("no fetcher runs")
const unfound = never("its group has forgotten it, so no caller finds it")
const noCallers = never("its callers are gone")
const interrupted = never("its load is interrupted, and hears nothing more")
const lostCloses = never("a lost lease closes the flight first")
const notYet = never("it knows of no lease yet, and has none to wait for")
const notFollowing = never("only a load that follows waits for pushes")
const whoFollows = never("it is told when the flight begins to follow, or joins one that follows")
const whoLeads = never("it is told when the flight begins to load, or joins one that loads")
const noRequests = never("only a caller of another request is told, and the tables leave requests out")
const unconcerned = never("a flight that is over has no value to be voided")
const storeFirst = never("that is the result of a load under a lease")
const alone = never("that is the result of a load without a lease")
const whole = never("only a flight that is over is interrupted")

/** The states in which a load has no lease. */
const withoutLease = { asking: noLease, following: noLease, unleased: noLease } as const

/** The parts of the table, each with its first event. */
export const flightParts: ReadonlyArray<readonly [title: string, first: FlightMeets]> = [
  ["The store answers, or does not", "acquire → Hit"],
  ["A subscription", "subscribed"],
  ["The lease", "renew → true"],
  ["Writes, of this process and of others", "own delete"],
  ["Callers", "caller joins"],
  ["The fetcher", "fetcher succeeds"],
  ["The result of the load", "settles: Found"]
]

export const flightTable: { readonly [E in FlightMeets]: Row } = {
  "acquire → Hit": {
    asking: "over: `HIT`",
    leading: holds,
    following: "over: `MISS-FOLLOWER-HIT`",
    unleased: noStore,
    closed: "over, for those who wait",
    over: "nobody is left to be told"
  },
  "acquire → Hit, invalid": {
    asking: "asks once more, to lead beside it",
    leading: holds,
    following: "asks once more, to lead beside it",
    unleased: noStore,
    closed: "asks once more, to lead beside it",
    over: "asks once more; a grant is given back"
  },
  "acquire → Leader": {
    asking: "leads",
    leading: holds,
    following: "leads: a takeover",
    unleased: noStore,
    closed: "leads, for those who wait",
    over: "the lease is given back"
  },
  "acquire → Follower": {
    asking: "follows",
    leading: holds,
    following: "waits on",
    unleased: noStore,
    closed: "follows, or waits on",
    over: "nothing is to be given back"
  },
  "acquire → Cooling": {
    asking: "over: stale, or the leader's failure; or waits, or loads without a lease, as `onCooling` says",
    leading: holds,
    following: "over: stale, or the leader's failure; or loads without a lease, as `onCooling` says",
    unleased: noStore,
    closed: "the same as before it was closed",
    over: "nothing is to be given back"
  },
  "acquire → no answer": {
    asking: "asks once more, then fails or loads without a lease, as `onAdapterError` says",
    leading: holds,
    following: "asks once more, then fails or loads without a lease",
    unleased: noStore,
    closed: "the same as before it was closed",
    over: "looks for a lease that was granted unheard, and gives it back"
  },
  "asks again": {
    asking: "when nothing was answered, or a value was invalid",
    leading: holds,
    following: "when it is woken, at a poll, or when the lease ends",
    unleased: noStore,
    closed: "as before it was closed, or to lead anew after its lease was lost",
    over: "for the lease that it looks for, as its owner"
  },
  subscribed: {
    asking: notFollowing,
    leading: "nothing: it has taken over",
    following: "asks once more: the change may have come before",
    unleased: "nothing: it waits no more",
    closed: "asks once more, if it still follows",
    over: "the subscription ends at once"
  },
  "not subscribed": {
    asking: notFollowing,
    leading: "nothing: it has taken over",
    following: "polls",
    unleased: "nothing: it waits no more",
    closed: "polls, if it still follows",
    over: "nothing: it waits no more"
  },
  pushed: {
    asking: notFollowing,
    leading: notFollowing,
    following: "asks again",
    unleased: notFollowing,
    closed: "asks again",
    over: interrupted
  },
  "renew → true": {
    ...withoutLease,
    leading: "leads on",
    closed: "leads on",
    over: interrupted
  },
  "renew → false": {
    ...withoutLease,
    leading: "closed: the lease is lost",
    closed: "the lease is lost",
    over: interrupted
  },
  "renew → no answer": {
    ...withoutLease,
    leading: "leads on, and tries again after a third of `leaseTtl`",
    closed: "leads on, and tries again",
    over: interrupted
  },
  "fill → true": {
    ...withoutLease,
    leading: "over: `MISS-LEADER`; a mark, where the value is not to be kept",
    closed: "over: the value is kept, and invalid if its tag was invalidated",
    over: "the value is kept: a fill without an answer was repeated"
  },
  "fill → false": {
    ...withoutLease,
    leading: "over: `lost`, not cached",
    closed: "over: `lost`, not cached",
    over: "it was filled the first time, or the lease is lost"
  },
  "fill → no answer": {
    ...withoutLease,
    leading: "over: `set-failed`; the fill is repeated while the lease lives",
    closed: "over: `set-failed`; the fill is repeated",
    over: "is repeated while the lease lives"
  },
  "abandon → true": {
    ...withoutLease,
    unleased: "the key is free: the tags could not be read before a load under the lease",
    leading: "over: the key is free, or cools down after a failure",
    closed: "over: the key is free, or cools down",
    over: "the key is free"
  },
  "abandon → false": {
    ...withoutLease,
    unleased: "the lease was lost already",
    leading: "over: the lease was lost already",
    closed: "over: the lease was lost already",
    over: "the lease was lost already"
  },
  "abandon → no answer": {
    ...withoutLease,
    unleased: "is repeated while the lease lives",
    leading: "over; it is repeated while the lease lives",
    closed: "over; it is repeated while the lease lives",
    over: "is repeated while the lease lives"
  },
  "lease ends": {
    asking: notYet,
    leading: "lost to whoever asks next; the next answer tells it",
    following: "asks again, and one follower leads",
    unleased: notYet,
    closed: "as before it was closed",
    over: "nothing is left to be given back"
  },
  "own delete": {
    asking: "closed at once",
    leading: "closed at once, not cached",
    following: "closed at once",
    unleased: "closed at once",
    closed: "stays closed",
    over: unconcerned
  },
  "own set": {
    asking: "closed at once",
    leading: "closed at once, not cached",
    following: "closed at once",
    unleased: "closed at once",
    closed: "stays closed",
    over: unconcerned
  },
  "own tag": {
    asking: "the value that it finds is invalid",
    leading: "not cached; later callers ask again",
    following: "the value that it finds is invalid",
    unleased: "nothing tells it: A3",
    closed: "not cached",
    over: unconcerned
  },
  "another's delete": {
    asking: "the answer may be as old as the question: A1",
    leading: "the lease is lost: closed by the next renewal, not cached",
    following: "asks again, and one follower leads",
    unleased: "nothing tells it: A3",
    closed: "as before it was closed",
    over: unconcerned
  },
  "another's set": {
    asking: "the answer may be as old as the question: A1",
    leading: "the lease is lost: closed by the next renewal, not cached",
    following: "asks again, and finds the value",
    unleased: "nothing tells it: A3",
    closed: "as before it was closed",
    over: unconcerned
  },
  "another's tag": {
    asking: "the value that it finds is invalid",
    leading: "not cached; closed by the next renewal where the tag is given: A2",
    following: "the value that it finds is invalid",
    unleased: "nothing tells it: A3",
    closed: "not cached",
    over: unconcerned
  },
  "caller joins": {
    asking: "waits",
    leading: "waits, beyond its `waitMax`, unless `onWaitTimeout` is `fail` or `stale`",
    following: "waits",
    unleased: "waits, if the load began less than a third of `leaseTtl` ago",
    closed: unfound,
    over: unfound
  },
  "caller leaves": {
    asking: "the others wait on",
    leading: "the others wait on",
    following: "the others wait on",
    unleased: "the others wait on",
    closed: "the others wait on",
    over: noCallers
  },
  "last caller leaves": {
    asking: "over; a grant that comes is given back",
    leading: "over: the fetcher is interrupted; behind a stale value it leads on",
    following: "over",
    unleased: "over: the fetcher is interrupted",
    closed: "over",
    over: noCallers
  },
  "caller is told Stale": {
    asking: "has its answer",
    leading: "has its answer; the load goes on behind it",
    following: "has its answer",
    unleased: "has its answer",
    closed: "has its answer",
    over: noCallers
  },
  "caller is told TimedOut": {
    asking: "after a second of grace: `fetch`, `stale` or `fail`, as `onWaitTimeout` says",
    leading: "`stale` or `fail`; with `fetch` it waits on",
    following: "`fetch`, `stale` or `fail`, as `onWaitTimeout` says",
    unleased: "`stale` or `fail`; with `fetch` it waits on",
    closed: "as before it was closed",
    over: noCallers
  },
  "caller is told Closed": {
    asking: "fails: `CACHE_CLOSED`",
    leading: "fails: `CACHE_CLOSED`",
    following: "fails: `CACHE_CLOSED`",
    unleased: "fails: `CACHE_CLOSED`",
    closed: "fails: `CACHE_CLOSED`",
    over: noCallers
  },
  "caller is told Silent": {
    asking: noRequests,
    leading: noRequests,
    following: noRequests,
    unleased: noRequests,
    closed: noRequests,
    over: noRequests
  },
  "caller is told Following": {
    asking: whoFollows,
    leading: whoFollows,
    following: "waits: another process leads, or the key cools down",
    unleased: whoFollows,
    closed: "waits",
    over: noCallers
  },
  "caller is told Joined": {
    asking: whoLeads,
    leading: "waits: a caller of this process leads",
    following: whoLeads,
    unleased: "waits: a caller of this process loads",
    closed: "waits",
    over: noCallers
  },
  "cache closes": {
    asking: "goes on for its callers, within the time of `close`",
    leading: "goes on for its callers; in the background it is over, and the lease is given back",
    following: "goes on for its callers, within the time of `close`",
    unleased: "goes on for its callers, within the time of `close`",
    closed: "goes on for its callers, within the time of `close`",
    over: "`close` waits until the lease is given back"
  },
  "fetcher succeeds": {
    asking: noFetcher,
    leading: "fills",
    following: noFetcher,
    unleased: "over: `bypassed`",
    closed: "fills, if the lease is still held",
    over: interrupted
  },
  "fetcher fails": {
    asking: noFetcher,
    leading: "gives the lease back with a cooldown; over: stale, or the failure",
    following: noFetcher,
    unleased: "over: the failure",
    closed: "gives the lease back with a cooldown; over: stale, or the failure",
    over: interrupted
  },
  "fetcher is interrupted": {
    asking: noFetcher,
    leading: "by `fetchTimeout.hard`: the same as a failure",
    following: noFetcher,
    unleased: "by `fetchTimeout.hard`: the same as a failure",
    closed: "the same, or asks again, if `onLeaseLost` is `interrupt`",
    over: "gives the lease back"
  },
  "settles: Found": {
    asking: "over: `HIT`",
    leading: holds,
    following: "over: `MISS-FOLLOWER-HIT`",
    unleased: noStore,
    closed: "over, for those who wait",
    over: whole
  },
  "settles: Skipped": {
    asking: "an early refresh that is not needed",
    leading: "no slot for a load in the background: callers ask again",
    following: never("early refreshes do not follow"),
    unleased: noStore,
    closed: "as before it was closed",
    over: whole
  },
  "settles: Loaded": {
    asking: noFetcher,
    leading: "over: `MISS-LEADER`",
    following: noFetcher,
    unleased: storeFirst,
    closed: "over, for those who came before it was closed",
    over: whole
  },
  "settles: declined": {
    asking: noFetcher,
    leading: "over: `MISS-LEADER-NOCACHE`",
    following: noFetcher,
    unleased: storeFirst,
    closed: "over, for those who came before it was closed",
    over: whole
  },
  "settles: encode-failed": {
    asking: noFetcher,
    leading: "over: `MISS-LEADER-NOCACHE`",
    following: noFetcher,
    unleased: storeFirst,
    closed: "over, for those who came before it was closed",
    over: whole
  },
  "settles: set-failed": {
    asking: noFetcher,
    leading: "over: `MISS-LEADER-NOCACHE`",
    following: noFetcher,
    unleased: storeFirst,
    closed: "over, for those who came before it was closed",
    over: whole
  },
  "settles: lost": {
    asking: noFetcher,
    leading: lostCloses,
    following: noFetcher,
    unleased: storeFirst,
    closed: "over, for those who came before it was closed",
    over: whole
  },
  "settles: invalidated": {
    asking: noFetcher,
    leading: "over: `MISS-LEADER-NOCACHE`; those who came after the tags were read ask again",
    following: noFetcher,
    unleased: storeFirst,
    closed: "over, for those who came before it was closed",
    over: whole
  },
  "settles: bypassed": {
    asking: noFetcher,
    leading: alone,
    following: noFetcher,
    unleased: "over: `MISS-FOLLOWER-FALLBACK`, or `MISS-LEADER-NOCACHE`",
    closed: "over, for those who came before it was closed",
    over: whole
  },
  "settles: unavailable": {
    asking: noFetcher,
    leading: alone,
    following: noFetcher,
    unleased: "over: `MISS-UNAVAILABLE`",
    closed: "over, for those who came before it was closed",
    over: whole
  },
  "settles: failed": {
    asking: "over: the store did not answer, or the key cools down",
    leading: "over: stale, or the failure",
    following: "over: the store did not answer, or the leader failed",
    unleased: "over: the failure",
    closed: "over: stale, or the failure",
    over: "nobody is left to be told"
  },
  "settles: interrupted": {
    asking: whole,
    leading: whole,
    following: whole,
    unleased: whole,
    closed: whole,
    over: "nobody is left to be told"
  }
}
