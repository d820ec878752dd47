/**
 * Small wrong changes of core, each of which the simulation must find. A mutant is a change of text that must apply exactly
 * once, so one that no longer meets the code fails instead of passing unseen.
 */

export interface Mutant {
  /** Names its kept story. */
  readonly name: string
  /** The module, below core's sources. */
  readonly file: string
  readonly from: string
  readonly to: string
  /** Fresh seeds meet it less than once in 10,000 histories. Its kept story finds it. */
  readonly rare?: true
}

const mutant = (name: string, file: string, from: string, to: string): Mutant => ({ name, file, from, to })

export const mutants: ReadonlyArray<Mutant> = [
  // Tokens and leases
  mutant(
    "fill checks no token",
    "contract/Entry.ts",
    "  if (!held(entry, now, options.token)) return [false, entry]\n  const value",
    "  if (live(entry?.lease, now) === undefined) return [false, entry]\n  const value"
  ),
  mutant(
    "delete leaves the lease",
    "contract/Entry.ts",
    "  keptAt(entry, now) !== undefined,\n  undefined\n]",
    "  keptAt(entry, now) !== undefined,\n  entry?.lease && { kept: undefined, lease: entry.lease, cooldown: undefined }\n]"
  ),
  mutant(
    "a lease is granted beside a living one",
    "contract/Entry.ts",
    "((lease === undefined || mine) && cooldown === undefined)",
    "(cooldown === undefined)"
  ),
  mutant(
    "a value is fresh for as long as it is kept",
    "contract/Entry.ts",
    "const freshFor = kept === undefined ? 0 : freshUntil(kept) - now\n  if",
    "const freshFor = kept === undefined ? 0 : keptUntil(kept) + 60_000 - now\n  if"
  ),
  mutant(
    "a lease is never renewed",
    "flight/HeldLease.ts",
    "this.askedAt + this.load.policy.leaseTtl / 3 -",
    "this.askedAt + this.load.policy.leaseTtl * 300 -"
  ),
  mutant("a renewal that finds the lease lost tells nobody", "flight/HeldLease.ts", "} else this.lose()", "}"),
  mutant(
    "a lost lease closes no flight",
    "flight/Flight.ts",
    "  leaseLost(): void {\n    this.group.detach(this.key, this)",
    "  leaseLost(): void {"
  ),
  mutant(
    "a refused fill voids nothing for later callers",
    "flight/Leader.ts",
    'return loaded(kept, "lost", lease.endsAt, Math.min(lease.heldAt, validUntil))',
    'return loaded(kept, "lost", lease.endsAt, validUntil)'
  ),
  mutant(
    "the lease is not renewed while the tags are read",
    "flight/Leader.ts",
    "Effect.exit(restore(Effect.raceFirst(tagsBefore(load), lease.untilLost)))",
    "Effect.exit(restore(tagsBefore(load)))"
  ),
  // Leases held by nobody
  mutant(
    "what the store refuses is not tried again",
    "flight/LeaseReturns.ts",
    "if (this.pending.delete(lease) && retryable === true) this.pending.add(lease)",
    "this.pending.delete(lease)"
  ),
  mutant(
    "a grant that nobody heard is not looked for",
    "flight/FlightStart.ts",
    "    if (this.isUnanswered) {",
    "    if (false as boolean) {"
  ),
  mutant(
    "a late request is looked for once",
    "flight/LeaseReturns.ts",
    "[50, 200, 500, 1_000, 1_000, 1_000, 1_000]",
    "[50]"
  ),
  mutant(
    "a failed load keeps its lease",
    "flight/Leader.ts",
    "  yield* lease.abandon(cooldown, yield* valueCodec.encodeFailure(cause))\n",
    ""
  ),
  mutant(
    "a load without a value to keep leaves its lease",
    "flight/Leader.ts",
    '  if (typeof tags === "string") {\n    yield* lease.abandon()\n',
    '  if (typeof tags === "string") {\n'
  ),
  // Following
  {
    ...mutant(
      "no question follows a subscription",
      "flight/Follower.ts",
      "if (this.woken !== undefined && !this.askedSinceLive) {",
      "if (false as boolean) {"
    ),
    rare: true
  },
  mutant(
    "a follower sleeps beyond the lease",
    "flight/Follower.ts",
    "Math.max(1, Math.min(delay, Math.ceil(leaseEndsIn) + 1))",
    "delay + 3_000"
  ),
  mutant(
    "a follower never polls",
    "flight/Follower.ts",
    "const delay = given > 0 ? given : policy.waitStep",
    "const delay = leaseEndsIn"
  ),
  mutant(
    "the alarm rings once",
    "flight/Alarm.ts",
    "this.set(this.ring(Monotonic.now(this.clock)))",
    "this.ring(Monotonic.now(this.clock))"
  ),
  mutant(
    "the requests of an isolate share a timer",
    "flight/FlightGroup.ts",
    "if (scope.isRequest) return new Alarm",
    "if (false as boolean) return new Alarm"
  ),
  // Order
  mutant(
    "a caller joins a load that began before its own delete",
    "call/Preconditions.ts",
    "Effect.ensuring(asked(adapter), detach)",
    "asked(adapter)"
  ),
  mutant(
    "a caller joins a load that an invalidation of this process voided",
    "call/CacheInstance.ts",
    "Effect.sync(() => this.engine.groups.detachAllInFlight())",
    "Effect.void"
  ),
  mutant(
    "a later caller takes a voided load",
    "call/Verdict.ts",
    'result._tag === "Loaded" && !isInitiator && startedAt > result.validUntil',
    "false"
  ),
  mutant(
    "a load without a lease is joined at any age",
    "call/Waiter.ts",
    "return at - since <= this.request.plan.policy.leaseTtl / 3",
    "return at !== since || true"
  ),
  mutant(
    "a tag is always valid",
    "tags/Tags.ts",
    "versionOf(snapshot) === tags[index]?.version",
    "snapshot !== undefined || tags[index] === undefined"
  ),
  mutant(
    "the log is not looked at",
    "tags/Tags.ts",
    "InvalidationLog.mayHave(log, start.log, names) ? undefined : tags",
    "log === undefined ? undefined : tags"
  ),
  mutant(
    "the versions change before the log",
    "tags/Tags.ts",
    "      Effect.andThen(\n        InvalidationLog.add(",
    "      ((log: Effect.Effect<void, AdapterError>, versions: Effect.Effect<void, AdapterError>) =>\n        Effect.andThen(versions, log))(\n        InvalidationLog.add("
  ),
  mutant(
    "given tags are read after the load",
    "tags/Tags.ts",
    "  if (start.given !== undefined) return Effect.succeed(start.given)\n",
    "  if (start.given !== undefined) return current(adapter, names)\n"
  ),
  mutant(
    "a note of the log may be lost",
    "tags/InvalidationLog.ts",
    '    if (found._tag !== "Leader") continue\n    const bytes = encodeLog(decodeLog(found.stale?.value.bytes), tags)\n    if (yield* adapter.fill(logKey, { token: found.token, value: { bytes }, lifetime: { fresh: retention, stale: 0 } }))\n      return',
    "    const bytes = encodeLog(decodeLog((yield* adapter.read(logKey)).value?.bytes), tags)\n    if (found !== undefined) return yield* adapter.put(logKey, { value: { bytes }, lifetime: { fresh: retention, stale: 0 } })"
  ),
  {
    ...mutant(
      "a renewal does not look at the tags",
      "flight/HeldLease.ts",
      "if (held) return Effect.flatMap(this.lookAtTags, () => this.untilLost)",
      "if (held) return this.untilLost"
    ),
    rare: true
  },
  // Batches
  mutant(
    "a batch has no value for those who joined its load",
    "call/Verdict.ts",
    'if (isMissing(exit.cause)) return caller.isInitiator ? Exit.failCause(exit.cause) : "again"',
    "if (isMissing(exit.cause)) return Exit.failCause(exit.cause)"
  ),
  mutant(
    "a batch is answered when its first key is",
    "call/CallMany.ts",
    "    if (--this.left === 0) this.answer(Effect.succeed(this.values))",
    "    if (--this.left >= 0) this.answer(Effect.succeed(this.values))"
  ),
  mutant(
    "a fetch waits for keys that others load",
    "call/CallMany.ts",
    "    this.all.fetchBatch.settle(this.key)\n  }",
    "  }"
  ),
  mutant(
    "a fetch that nobody waits for goes on",
    "flight/FetchBatch.ts",
    "    if (fetch !== undefined && --fetch.left === 0) fetch.fiber.interruptUnsafe()",
    "    if (fetch !== undefined) fetch.left--"
  ),
  // Callers who leave
  mutant("a load goes on when everybody has left", "flight/Flight.ts", "    this.fiber?.interruptUnsafe()\n", ""),
  mutant(
    "a promise does not hear its signal",
    "call/Waiter.ts",
    "    if (signal !== undefined) listen(signal, this)\n",
    ""
  ),
  mutant(
    "a fetcher of promises hears of no end",
    "FromPromise.ts",
    "const run = async () => fetcher({ ...context, signal })",
    "const run = async () => fetcher({ ...context, signal: new AbortController().signal })"
  ),
  mutant(
    "an aborted promise is told of us, and not of its signal's reason",
    "FromPromise.ts",
    'return hasTag(error, "ABORTED") ? error.cause : error',
    "return error"
  ),
  // A store that does not answer, and results that are not cached
  mutant(
    "tags that cannot be read fail every call",
    "flight/Leader.ts",
    "return yield* Effect.catch(Effect.failCause(read.cause), (error) => withoutStore(load, error, restore))",
    "return yield* Effect.failCause(read.cause)"
  ),
  mutant(
    "a stale value that was found once is there for ever",
    "flight/LoadProtocol.ts",
    "    if (stale === undefined) events.stale(undefined)\n",
    ""
  ),
  mutant(
    "a declined value is kept",
    "flight/Leader.ts",
    "if (!Check.settledAnswer(option, policy.shouldCache(value))) return undefined",
    "if (!Check.settledAnswer(option, policy.shouldCache(value))) option = option"
  ),
  mutant(
    "a declined value leaves the older one",
    "flight/HeldLease.ts",
    'if (this.replaces !== "value") return this.abandoned()',
    "if (this.replaces !== undefined || true) return this.abandoned()"
  ),
  {
    ...mutant(
      "a mark is heeded by nobody",
      "flight/LoadProtocol.ts",
      "if (isMarked && policy.bypassFor > 0) return",
      "if (isMarked && policy.bypassFor > 1e9) return"
    ),
    rare: true
  },
  mutant(
    "a caller who would rather fail waits on",
    "call/Waiter.ts",
    'return !this.isInitiator && !this.isFallback && this.request.plan.policy.onWaitTimeout !== "fetch"',
    'return this.isFallback && this.request.plan.policy.onWaitTimeout !== "fetch"'
  ),
  // Truth
  mutant(
    "a refused fill is told as cached",
    "flight/Leader.ts",
    'return loaded(kept, "lost", lease.endsAt, Math.min(lease.heldAt, validUntil))',
    "return loaded(kept, undefined, lease.endsAt, Math.min(lease.heldAt, validUntil))"
  ),
  mutant(
    "a failed fill is told as cached",
    "flight/Leader.ts",
    'return loaded(kept, "set-failed", lease.endsAt, validUntil)',
    "return loaded(kept, undefined, lease.endsAt, validUntil)"
  ),
  mutant(
    "a load without a lease is told as cached",
    "flight/LoadProtocol.ts",
    "Effect.map(fetched, (value) => loaded(value, reason))",
    "Effect.map(fetched, (value) => loaded(value))"
  ),
  mutant(
    "a caller is told that it led another's load",
    "call/Verdict.ts",
    "const outcome = isInitiator ? outcomeOf(uncached) :",
    'const outcome = isInitiator || result._tag === "Loaded" ? outcomeOf(uncached) :'
  ),
  mutant("a fallback is not counted", "call/Verdict.ts", "    counters.fallbacks++\n", ""),
  mutant(
    "a stale answer is counted as a hit, too",
    "call/Verdict.ts",
    "  counters.staleServed++\n",
    "  counters.staleServed++\n  counters.hits++\n"
  ),
  mutant("a load is counted when it succeeds", "flight/Leader.ts", "      load.counters.loads++\n", ""),
  mutant("a lost lease is not counted", "flight/HeldLease.ts", "    this.load.counters.leaseLost++\n", ""),
  mutant("a lease is explained as nobody's", "call/Read.ts", "holder: found.lease?.owner,", "holder: undefined,"),
  // Time
  mutant(
    "a stale value is served without a window",
    "call/Verdict.ts",
    "return window > 0 && staleFor(stale, now) <= window",
    "return true || staleFor(stale, now) <= window"
  ),
  {
    ...mutant(
      "a stale value that is gone is remembered",
      "flight/LoadProtocol.ts",
      "    if (stale === undefined) events.stale(undefined)\n",
      ""
    ),
    rare: true
  },
  mutant(
    "waits go by the wall clock",
    "contract/Monotonic.ts",
    ": Number(clock.monotonicTimeNanosUnsafe()) / 1e6 - startOfOthers\n  const small",
    ": (clock as unknown as { currentTimeMillisUnsafe(): number }).currentTimeMillisUnsafe()\n  const small"
  ),
  // Conditional stores
  mutant(
    "a conditional write that lost is taken for done",
    "stores/ConditionalStore.ts",
    "    if (version === false) return undefined\n    remember(key, entry, version as true | Version)",
    "    if (version !== false) remember(key, entry, version as true | Version)"
  ),
  mutant(
    "a batch whose caller left holds up the loads that others joined",
    "call/CallMany.ts",
    "    for (const { key } of this.requests) this.fetchBatch.answered(key)\n",
    ""
  ),
  // Values in a store of their own
  mutant(
    "the versions of tags are kept with the values",
    "stores/ValueStore.ts",
    "Namespace.isOwnRecord(key) ? Effect.succeed(inline(value)) : this.versions.write(value, lifetime)",
    "this.versions.write(value, lifetime)"
  ),
  mutant(
    "bytes that are missing under a name are waited for",
    "stores/ValueStore.ts",
    "found = yield* this.leases.acquire(key, { ...options, refreshWithin: Infinity })",
    "found = yield* this.leases.acquire(key, options)"
  ),
  // Requests of isolates
  mutant(
    "the work of one request answers another",
    "call/Waiter.ts",
    "if (load === undefined && mayDiffer(flight.scope, this.scope)) {",
    "if (false as boolean) {"
  ),
  {
    ...mutant(
      "a second load of a batch's key takes the place of the first",
      "flight/FetchBatch.ts",
      "Identity.getOrMake(this.wanted, key, () => new Set<Loading>()).add(value)",
      "this.wanted.set(key, new Set([value]))"
    ),
    rare: true
  },
  {
    ...mutant(
      "a batch waits for a key that another load has",
      "flight/FlightStart.ts",
      "  plan.fetchBatch?.settle(key)\n  if (background.hasSlot)",
      "  if (background.hasSlot)"
    ),
    rare: true
  },
  {
    ...mutant(
      "a flight that follows is waited for as long as one that leads",
      "flight/Flight.ts",
      'phase === "leading" ? silenceLimit : Math.min(silenceLimit, patience)',
      "silenceLimit"
    ),
    rare: true
  },
  mutant(
    "a flight that is taken for dead ends",
    "flight/Flight.ts",
    "    this.group.forget(this.key, this)\n    return true",
    "    this.ended = true\n    this.group.forget(this.key, this)\n    return true"
  ),
  // Tiers
  mutant(
    "a near copy has no time to live",
    "stores/tiered/NearTier.ts",
    "    this.ttl = ttl\n",
    "    this.ttl = 100 * ttl\n"
  ),
  mutant(
    "a heartbeat that does not come back tells nothing",
    "stores/tiered/NearTier.ts",
    "    if (now >= log.validUntil) {",
    "    if (false as boolean) {"
  ),
  mutant(
    "an answer that was under way during a change is kept near",
    "stores/tiered/ChangeLog.ts",
    " && (this.recent.get(key) ?? 0) <= changesBefore",
    ""
  ),
  mutant("a change drops no near copy", "stores/tiered/ChangeLog.ts", "    this.copies.drop(key)\n", ""),
  mutant(
    "a tag's record is kept near although it changed",
    "stores/tiered/NearTier.ts",
    "    if (tag !== undefined) this.tags.delete(tag)\n",
    ""
  )
]

/**
 * The text of a module with a mutant in it.
 *
 * @throws Error when the mutant does not apply exactly once
 */
export const apply = ({ file, from, name, to }: Mutant, text: string): string => {
  const parts = text.split(from)
  if (parts.length !== 2) throw new Error(`the mutant "${name}" applies ${parts.length - 1} times in ${file}, not once`)
  return parts.join(to)
}
