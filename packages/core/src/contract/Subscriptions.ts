/**
 * The verbs `watch` and `changes` over a subscription to a backend's messages, for adapters that push.
 *
 * Subscriptions do not reconnect. A watcher wakes when its subscription is lost, and asks again. A feed of changes
 * joins again by itself, and reports the loss and the recovery.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import type { AdapterError, ChangeListener } from "./Adapter.ts"
import * as Monotonic from "./Monotonic.ts"

/** A listener's membership of a subscription. */
export interface Membership {
  /** Settles when the subscription is live, or has failed. */
  readonly live: Promise<void>
  /** Safe to repeat, also after the subscription is lost. */
  readonly leave: () => void
}

const settled = (live: Promise<void>, failed: (error: unknown) => AdapterError) =>
  Effect.tryPromise({ try: () => live, catch: failed })

/**
 * The verb `watch`.
 *
 * @param join listens to the key; `wake` is to be called for each message, and when the subscription is lost
 */
export const watch = (
  join: (wake: () => void) => Membership,
  failed: (error: unknown) => AdapterError
): Effect.Effect<Effect.Effect<void>, AdapterError, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => {
        const changed = Latch.makeUnsafe()
        return { changed, membership: join(() => void changed.openUnsafe()) }
      }),
      ({ membership }) => Effect.sync(membership.leave)
    ),
    ({ changed, membership }) => Effect.as(settled(membership.live, failed), changed.await)
  )

/**
 * The pauses between attempts to join again, in milliseconds. They double from the first to the longest, and half of
 * each is random, because all processes lose a server at once.
 */
const firstPause = 50
const longestPause = 2_000

/** The subscription of a feed. */
export interface Source {
  /** Listens to the changes of all keys. The feed's `lost` is to be called when no more messages will come. */
  readonly join: (feed: ChangeFeed) => Membership
  /** Checks the other conditions of a feed before it reports its recovery. */
  readonly check?: (() => Promise<unknown>) | undefined
}

/** The changes of all keys, for one listener. */
export class ChangeFeed {
  /** Settles when the subscription is live for the first time, or has failed. */
  readonly live: Promise<void>
  private readonly source: Source
  private readonly listener: ChangeListener
  private membership: Membership
  /** True once the first subscription was live. */
  private wasLive = false
  /** True from the loss of a subscription until the next one is live. */
  private isLost = false
  private isMember = true
  private isStopped = false
  private pause = firstPause
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(source: Source, listener: ChangeListener) {
    this.source = source
    this.listener = listener
    this.membership = source.join(this)
    this.live = this.membership.live.then(() => {
      if (this.isStopped) return
      this.wasLive = true
      if (!this.isMember) this.lose()
    })
    // The caller may have left before this settles.
    this.live.catch(() => {})
  }

  /** False while the feed is lost, and once it is stopped. */
  get isListening(): boolean {
    return !this.isLost && !this.isStopped
  }

  readonly changed = (key: string): void => {
    if (!this.isStopped) this.listener.changed(key)
  }

  /** Called when the subscription is lost. */
  readonly lost = (): void => {
    this.isMember = false
    // A feed that was never live has failed, and its caller knows. A feed that already retries goes on by itself.
    if (this.wasLive && this.isListening) this.lose()
  }

  /** Called when changes were missed although the subscription is live. */
  missed(): void {
    if (!this.isListening) return
    this.listener.lost()
    this.listener.restored()
  }

  /** Drops the subscription, and joins again. */
  rejoin(): void {
    if (!this.isListening) return
    this.membership.leave()
    this.lost()
  }

  /** Ends the feed before its scope does. */
  close(): void {
    if (this.isStopped) return
    this.stop()
    if (this.wasLive && !this.isLost) this.listener.lost()
  }

  stop(): void {
    this.isStopped = true
    clearTimeout(this.timer)
    this.membership.leave()
  }

  private lose(): void {
    this.isLost = true
    this.joinLater()
    this.listener.lost()
  }

  private joinLater(): void {
    this.timer = setTimeout(this.joinAgain, this.pause * (0.5 + Math.random() / 2))
    // Nobody waits for the attempts.
    Monotonic.keepAlive(this.timer, false)
    this.pause = Math.min(2 * this.pause, longestPause)
  }

  private readonly joinAgain = (): void => {
    this.isMember = true
    this.membership = this.source.join(this)
    Promise.all([this.membership.live, this.source.check?.()]).then(
      () => this.joined(this.isMember),
      () => this.joined(false)
    )
  }

  private joined(isLive: boolean): void {
    if (this.isStopped) return
    if (isLive) {
      this.pause = firstPause
      this.isLost = false
      this.listener.restored()
    } else {
      this.membership.leave()
      this.joinLater()
    }
  }
}

/** The feeds of one adapter. */
export class Feeds {
  private readonly open = new Set<ChangeFeed>()

  get size(): number {
    return this.open.size
  }

  /** The verb `changes`. */
  changes(
    source: Source,
    listener: ChangeListener,
    failed: (error: unknown) => AdapterError
  ): Effect.Effect<void, AdapterError, Scope.Scope> {
    const feed = Effect.acquireRelease(
      Effect.sync(() => {
        const feed = new ChangeFeed(source, listener)
        this.open.add(feed)
        return feed
      }),
      (feed) =>
        Effect.sync(() => {
          this.open.delete(feed)
          feed.stop()
        })
    )
    return Effect.flatMap(feed, ({ live }) => settled(live, failed))
  }

  /** Ends all feeds, and notifies their listeners. */
  close(): void {
    for (const feed of this.open) feed.close()
    this.open.clear()
  }
}
