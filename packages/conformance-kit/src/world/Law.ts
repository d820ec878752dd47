/**
 * The laws that the cases prove: first the numbered ones of `Adapter.ts`, word for word, then those that the contract
 * states beside each verb, then those that the kit adds.
 */

/** One law. */
export interface Law {
  /** A number as in the contract; a word for any other law. */
  readonly id: LawId
  readonly text: string
}

export const laws = [
  { id: "claims", text: "The adapter has what its author claims, and lacks what its author says it lacks." },
  { id: "1", text: "A missing or expired key is granted to exactly one owner, however many ask at once." },
  {
    id: "2",
    text: "`owner` names one flight, never a process. The same owner asking again while its lease lives still leads, with the same token: a lost reply can be retried."
  },
  { id: "3", text: "A lease that ended is lost, even if nobody took it." },
  { id: "4", text: "`fill`, `abandon` and `renew` with a lost token change nothing and answer `false`." },
  {
    id: "5",
    text: "`delete` and `put` void the lease: a load that began before them can never fill, not even when its owner was granted the key anew."
  },
  {
    id: "6",
    text: "After a leader's crash or abandon exactly one next caller leads; a late or tokenless wake-up never makes two leaders."
  },
  { id: "7", text: "A fresh value under a refresh lease is still a `Hit` for everyone else." },
  {
    id: "8",
    text: "`watch` never misses a change made after its outer effect completed; waking belongs to the verb that causes it."
  },
  {
    id: "9",
    text: "A value is returned byte for byte, the empty value included; a key may hold any Unicode; caching the key `lease:x` never touches the lease of `x`."
  },
  { id: "10", text: "A key or value over `limits` is refused with a `Rejected` error and nothing changes." },
  { id: "11", text: "An expired value is never returned, even when the backend's own collection lags." },
  { id: "12", text: "Nothing is left behind: every record carries the backend's own expiry where it has one." },
  {
    id: "13",
    text: "A backend that shares a clock is immune to its clients' clocks; one that cannot share one says so in `limits.clock`."
  },
  {
    id: "14",
    text: "Every verb settles in bounded time: an adapter puts a timeout on every call that leaves the process."
  },
  {
    id: "15",
    text: "`touch` changes nothing but how long a fresh value stays fresh; `fill` without a value gives the one that is there a new lifetime, and never brings back one that is gone."
  },
  { id: "16", text: "`changes` never misses a change made while it is live, or calls `lost`." },
  {
    id: "took",
    text: "A filled value carries the duration of its load: from the grant of the lease, by the store's clock."
  },
  { id: "stale", text: "Past its freshness and inside its stale window a value comes as `stale`, beside the lease." },
  {
    id: "cooldown",
    text: "After an abandon with a cooldown nobody leads until it is over, and everyone gets its cause."
  },
  { id: "force", text: "A forced acquire always leads, and voids the lease of another." },
  { id: "put", text: "`put` always stores; `delete` answers true if there was a value." },
  { id: "read", text: "`read` reports the true state of a key, and changes nothing." },
  {
    id: "listing",
    text: "`keys` lists exactly the keys with the prefix that have a value or are leased, and misses none of them."
  },
  { id: "batches", text: "`acquireMany` and `deleteMany` do what as many single calls would, in the order given." },
  { id: "near hits", text: "`hitUnsafe` answers nothing that `read` would not." },
  { id: "close", text: "After `close` the adapter can be closed and used again, and its peers never notice." },
  { id: "faults", text: "Every verb is safe to repeat after a lost reply, a lost request, a delay or a copy." },
  { id: "histories", text: "What two peers see at once has an order in which `Entry` gives the same answers." }
] as const satisfies ReadonlyArray<{ readonly id: string; readonly text: string }>

export type LawId = (typeof laws)[number]["id"]

/** A law by its id. */
export const lawOf = (id: LawId): Law => laws.find((law) => law.id === id)!

/** `"law 3"`, or the word of a law without a number. */
export const titleOf = (id: LawId): string => (/^\d/.test(id) ? `law ${id}` : id)
