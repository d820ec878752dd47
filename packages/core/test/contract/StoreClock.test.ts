import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { StoreClock } from "../../src/contract/StoreClock.ts"

const epoch = Date.UTC(2030, 0, 1)
const header = (instant: number) => new Date(instant).toUTCString()

/** The true time, in milliseconds since the store began, which no host knows. */
class World {
  at = 0
  /** The lead of the store's clock over the time. */
  store = epoch

  host(skew: number): Host {
    return new Host(this, skew)
  }
}

/** A host whose own clock is off by `skew` milliseconds, and whose monotonic one began whenever it did. */
class Host {
  readonly world: World
  skew: number
  /** For how long the monotonic clock stood still. */
  suspended = 0
  readonly clock: StoreClock

  constructor(world: World, skew: number) {
    this.world = world
    this.skew = skew
    this.clock = new StoreClock(this.monotonic, () => epoch + this.world.at + this.skew)
  }

  readonly monotonic = () => this.world.at + 777 - this.suspended

  /** A request and its reply, each under way for a time. */
  ask(there = 5, back = 5, date?: (now: number) => string | undefined): void {
    const sent = this.monotonic()
    this.world.at += there
    const told = this.world.store + this.world.at
    const { at } = this.world
    this.world.at = at + back
    this.clock.learn(date === undefined ? header(told) : date(told), sent, this.monotonic())
  }

  /** The difference between the host's time and the store's. */
  get error(): number {
    return this.clock.now() - (this.world.store + this.world.at)
  }
}

const anySkew = fc.oneof(fc.integer({ min: -2_000, max: 2_000 }), fc.integer({ min: -10_000_000, max: 10_000_000 }))

describe("the store's clock", () => {
  it("is the host's own before a reply", () => {
    const host = new World().host(-300_000)
    assert.isFalse(host.clock.isSet)
    assert.isTrue(host.clock.isOutdated)
    assert.strictEqual(host.error, -300_000)
  })

  it("lets no two hosts disagree by more than two seconds and the times of their requests, from the first reply on", () => {
    const requests = fc.array(fc.tuple(fc.nat(1), fc.nat(2_500), fc.nat(200), fc.nat(200)), {
      minLength: 2,
      maxLength: 40
    })
    fc.assert(
      fc.property(anySkew, anySkew, requests, (one, other, requests) => {
        const world = new World()
        const hosts = [world.host(one), world.host(other)] as const
        for (const host of hosts) host.ask(100, 100)
        for (const [which, later, there, back] of requests) {
          world.at += later
          hosts[which]!.ask(there, back)
          assert.isAtMost(Math.abs(hosts[0].error - hosts[1].error), 2_000 + 2 * 200)
        }
      })
    )
  })

  it("keeps every bound from an answer: whatever its own clock shows, it is soon exact to about a request", () => {
    fc.assert(
      fc.property(anySkew, fc.nat(999), (skew, phase) => {
        const world = new World()
        world.store += phase
        const host = world.host(skew)
        for (let i = 0; i < 60; i++) {
          world.at += 313
          host.ask()
        }
        for (let i = 0; i < 20; i++) {
          world.at += 137
          host.ask()
          // A request of 10 ms, every 313 ms: a full second was met to within 25 ms or so.
          assert.isAtMost(Math.abs(host.error), 50)
        }
      })
    )
  })

  it("is the host's own, to the millisecond, where that may be right", () => {
    const world = new World()
    const host = world.host(0)
    for (let i = 0; i < 50; i++) {
      world.at += 313
      host.ask()
      assert.strictEqual(host.error, 0)
    }
  })

  it("does not waver while its estimate may be right", () => {
    const world = new World()
    const host = world.host(60_000)
    const seen = new Set<number>()
    for (let i = 0; i < 100; i++) {
      world.at += 137
      host.ask()
      if (i > 40) seen.add(host.error)
    }
    assert.strictEqual(seen.size, 1)
  })

  it("lets the first reply with an odd time decide nothing after the second, and asks for that", () => {
    for (const off of [3_600_000, -3_600_000]) {
      const host = new World().host(0)
      assert.isFalse(host.clock.isDoubtful)
      host.ask(5, 5, (now) => header(now + off))
      assert.isTrue(host.clock.isDoubtful)
      host.ask()
      assert.isFalse(host.clock.isDoubtful)
      assert.strictEqual(host.error, 0)
    }
  })

  it("believes the second reply that contradicts the host's own clock as the first did", () => {
    const host = new World().host(-300_000)
    host.ask()
    assert.isTrue(host.clock.isDoubtful)
    assert.isAtMost(Math.abs(host.error), 1_010)
    host.ask()
    assert.isFalse(host.clock.isDoubtful)
    assert.isAtMost(Math.abs(host.error), 1_010)
    // And again after its clock was set.
    host.skew = 600_000
    host.ask()
    assert.isTrue(host.clock.isDoubtful)
    host.ask()
    assert.isFalse(host.clock.isDoubtful)
  })

  it("lets a reply with an odd time decide nothing, though it comes twice", () => {
    const world = new World()
    const host = world.host(60_000)
    for (let i = 0; i < 20; i++) host.ask(5, 128)
    const before = host.error
    for (const off of [3_600_000, -3_600_000, 3_600_000, 3_600_000]) {
      host.ask(5, 5, (now) => header(now + off))
      assert.strictEqual(host.error, before)
    }
    host.ask()
    for (const _ of [1, 2]) host.ask(5, 5, (now) => header(now - 5_000))
    assert.isAtMost(Math.abs(host.error - before), 1)
  })

  it("follows a store whose clock is set, once three replies agree", () => {
    for (const step of [3_600_000, -3_600_000]) {
      const world = new World()
      const host = world.host(0)
      for (let i = 0; i < 20; i++) host.ask(5, 128)
      world.store += step
      for (let i = 0; i < 3; i++) host.ask(5, 128)
      assert.isAtMost(Math.abs(host.error), 700)
    }
  })

  it("is of use although the store's servers are not quite of one mind", () => {
    const world = new World()
    const host = world.host(60_000)
    for (let i = 0; i < 200; i++) {
      world.at += 61
      host.ask(5, 5, (now) => header(now + (i % 3) * 80 - 80))
      if (i > 40) assert.isAtMost(Math.abs(host.error), 250)
    }
  })

  it("goes by no clock of the host that is set: it asks again, and meanwhile goes on as before", () => {
    const world = new World()
    const host = world.host(60_000)
    for (let i = 0; i < 20; i++) host.ask(5, 128)
    const before = host.error
    assert.isFalse(host.clock.isOutdated)
    host.skew += 600_000
    assert.isTrue(host.clock.isOutdated)
    assert.strictEqual(host.error, before)
    host.ask()
    assert.isFalse(host.clock.isOutdated)
    assert.isAtMost(Math.abs(host.error), 1_010)
  })

  it("believes the first reply after the process was suspended", () => {
    const world = new World()
    const host = world.host(60_000)
    for (let i = 0; i < 20; i++) host.ask(5, 128)
    world.at += 600_000
    host.suspended += 600_000
    assert.isTrue(host.clock.isOutdated)
    host.ask()
    assert.isFalse(host.clock.isOutdated)
    assert.isAtMost(Math.abs(host.error), 1_010)
  })

  it("allows for clocks that drift apart", () => {
    const world = new World()
    const host = world.host(60_000)
    for (let i = 0; i < 40; i++) host.ask(5, 308)
    for (let hour = 0; hour < 24; hour++) {
      world.at += 3_600_000
      // 50 millionths.
      world.store += 180
      host.ask()
      assert.isAtMost(Math.abs(host.error), 1_500)
    }
  })

  it("learns little from a reply that was long under way, and nothing from one without a time", () => {
    const world = new World()
    const host = world.host(60_000)
    for (let i = 0; i < 20; i++) host.ask(5, 128)
    const before = host.error
    host.ask(3_000, 1_000)
    host.ask(5, 5, () => undefined)
    host.ask(5, 5, () => "yesterday")
    assert.isAtMost(Math.abs(host.error - before), 1)
  })

  it("stops asking a store that reports no time", () => {
    const host = new World().host(0)
    host.ask(5, 5, () => undefined)
    assert.isFalse(host.clock.isOutdated)
    assert.isFalse(host.clock.isSet)
    assert.strictEqual(host.error, 0)
  })
})
