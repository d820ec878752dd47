/**
 * The verbs as Lua: `Entry` restated, one script each, on the store's clock alone.
 *
 * A cache key is two Redis keys in one hash slot. `KEYS[1]` is a string: the value behind a header (see `StoredValue`).
 * `KEYS[2]` is, while a flight leads, a hash (`owner`, `token`, `until`), and while the key cools down a list (until,
 * and the cause if there is one). It is never both, and SCAN can distinguish them.
 *
 * Both carry Redis's own expiry, which only collects: the scripts compare instants themselves. A value is kept at least
 * as long as the lease beside it, so that a listing finds every key that always had one of the two: it lists the leases
 * first, then the values (see `Verbs.keys`).
 *
 * Durations come as whole milliseconds or `inf`. Instants leave as text, because Redis would cut an infinity
 * to an integer. A change is published on the channel that is named like the value's key: `value` when the value may
 * have changed, `turn` when only the lease did. It is published by `pcall`, so that a server that refuses to publish
 * still stores. Where nobody is to be told, nothing is published.
 */
import { createHash } from "node:crypto"
import { Limits } from "@cache-locking/core"
import { headerBytes } from "./StoredValue.ts"

/** One script, and the digest by which Redis knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/** The scripts of one kind of server. */
export interface Scripts {
  readonly acquire: Script
  /** Present where the keys of a script may be anywhere. */
  readonly acquireMany?: Script
  readonly fill: Script
  readonly abandon: Script
  readonly renew: Script
  readonly delete: Script
  readonly put: Script
  readonly touch: Script
  readonly read: Script
}

const text = (ms: number): string => (ms === Number.POSITIVE_INFINITY ? "inf" : String(ms))

/** A duration as scripts read it, rounded down as lifetimes are. */
export const atMost = (ms: number): string => text(Limits.atMost(ms))

/** The same, rounded up as leases are. */
export const atLeast = (ms: number): string => text(Limits.atLeast(ms))

/** The message of a changed value, which `changes` passes on. */
export const valueChanged = "value"

/** No instant of Redis is later: some 280,000 years. */
const endless = 9e15

const clock = `
local t = redis.call("TIME")
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function number(text) return text == "inf" and math.huge or tonumber(text) end
local function text(at) return at == math.huge and "inf" or string.format("%.0f", at) end
local function expire(key, at)
  if at >= ${endless} then redis.call("PERSIST", key)
  elseif at <= now then redis.call("DEL", key)
  else redis.call("PEXPIREAT", key, text(at)) end
end
`

/**
 * The fields of a record, or nil if it is not one of ours. A record of another type, and one with a time that is no number,
 * counts as none: whatever wrote it, the next fill replaces it, and a delete removes it.
 */
const header = `
local function ask(...)
  local reply = redis.pcall(...)
  return type(reply) == "string" and reply
end
local function header(record)
  if not record or #record < ${headerBytes} or record:byte() ~= 1 then return nil end
  local filled, took, fresh, stale = struct.unpack(">dddd", record, 2)
  local kept = filled + fresh + stale
  if kept ~= kept or took ~= took then return nil end
  return { filled = filled, freshUntil = filled + fresh, keptUntil = kept }
end
local function stored() return header(ask("GETRANGE", KEYS[1], 0, ${headerBytes - 1})) end
`

/** The live lease, or nil. */
const lease = `
local function lease()
  if redis.call("TYPE", KEYS[2]).ok ~= "hash" then return nil end
  local l = redis.call("HMGET", KEYS[2], "owner", "token", "until")
  local till = l[1] and l[2] and l[3] and number(l[3])
  if not till or not (now < till) then return nil end
  return { owner = l[1], token = l[2], till = till, name = l[2] .. ":" .. l[1] }
end
`

/** The live cooldown, or nil. */
const cooldown = `
local function cooldown()
  if redis.call("TYPE", KEYS[2]).ok ~= "list" then return nil end
  local c = redis.call("LRANGE", KEYS[2], 0, 1)
  local till = number(c[1])
  if not till or not (now < till) then return nil end
  return { till = c[1], cause = c[2] or false }
end
`

/** Answers 0 at once unless `ARGV[1]` is the token of the live lease. */
const held = `
local lease = lease()
if not lease or lease.name ~= ARGV[1] then return 0 end
`

const keep = `
local function keep(value, took, fresh, stale)
  redis.call("SET", KEYS[1], struct.pack(">Bdddd", 1, now, took, fresh, stale) .. value)
  expire(KEYS[1], now + fresh + stale)
end
`

/** ARGV: owner, leaseFor, refreshWithin, "1" if forced. */
const acquire = `${clock}${header}${lease}${cooldown}
local record = ask("GET", KEYS[1])
local value = header(record)
local kept = value ~= nil and now < value.keptUntil
local fresh = kept and value.freshUntil - now or 0
local force = ARGV[4] == "1"
if fresh > 0 and not force and fresh > number(ARGV[3]) then return { 0, now, record } end
local led, cooling = lease(), cooldown()
local mine = led and led.owner == ARGV[1]
if not force and ((led and not mine) or cooling) then
  if fresh > 0 then return { 0, now, record } end
  if led then return { 2, now, kept and record, text(led.till) } end
  return { 3, now, kept and record, cooling.till, cooling.cause }
end
local token = mine and led.token or t[1] .. "." .. t[2]
local till = now + number(ARGV[2])
if not mine then redis.call("DEL", KEYS[2]) end
redis.call("HSET", KEYS[2], "owner", ARGV[1], "token", token, "until", text(till))
expire(KEYS[2], till)
if value then expire(KEYS[1], math.max(value.keptUntil, till)) end
return { 1, now, kept and record, token .. ":" .. ARGV[1] }
`

/** The same for many keys, two KEYS for each; each is answered as if it were alone. */
const acquireMany = `
local names, answers = KEYS, {}
for i = 1, #names, 2 do
  local KEYS = { names[i], names[i + 1] }
  answers[#answers + 1] = (function() ${acquire} end)()
end
return answers
`

/** ARGV: token, fresh, stale, and the value if there is a new one. */
const fill = (wake: string) => `${clock}${header}${lease}${keep}${held}
local seconds, micros = lease.token:match("^(%d+)%.(%d+)$")
local took = math.max(0, now - seconds * 1000 - math.floor(micros / 1000))
local fresh, stale = number(ARGV[2]), number(ARGV[3])
if ARGV[4] then keep(ARGV[4], took, fresh, stale)
else
  local value = stored()
  if not value or now >= value.keptUntil then return 0 end
  redis.call("SETRANGE", KEYS[1], 1, struct.pack(">dddd", now, took, fresh, stale))
  expire(KEYS[1], now + fresh + stale)
end
redis.call("DEL", KEYS[2])
${wake}
return 1
`

/** ARGV: token, cooldown, and the cause if there is one. */
const abandon = (wake: string) => `${clock}${header}${lease}${held}
redis.call("DEL", KEYS[2])
if ARGV[2] ~= "0" then
  local till = now + number(ARGV[2])
  redis.call("RPUSH", KEYS[2], text(till))
  if ARGV[3] then redis.call("RPUSH", KEYS[2], ARGV[3]) end
  expire(KEYS[2], till)
end
local value = stored()
if value then expire(KEYS[1], value.keptUntil) end
${wake}
return 1
`

/** ARGV: token, leaseFor. */
const renew = `${clock}${header}${lease}${held}
local till = now + number(ARGV[2])
redis.call("HSET", KEYS[2], "until", text(till))
expire(KEYS[2], till)
local value = stored()
if value then expire(KEYS[1], math.max(value.keptUntil, till)) end
return 1
`

const remove = (wake: string) => `${clock}${header}
local value = stored()
if redis.call("DEL", KEYS[1], KEYS[2]) > 0 then ${wake} end
return value and now < value.keptUntil and 1 or 0
`

/** ARGV: value, fresh, stale. */
const put = (wake: string) => `${clock}${keep}
keep(ARGV[1], 0, number(ARGV[2]), number(ARGV[3]))
redis.call("DEL", KEYS[2])
${wake}
return 1
`

/** ARGV: freshFor. */
const touch = `${clock}${header}${lease}
local value = stored()
if not value or now >= value.freshUntil then return 0 end
local fresh = now - value.filled + number(ARGV[1])
redis.call("SETRANGE", KEYS[1], 17, struct.pack(">d", fresh))
local led = lease()
expire(KEYS[1], math.max(stored().keptUntil, led and led.till or 0))
return 1
`

const read = `${clock}${header}${lease}${cooldown}
local record = ask("GET", KEYS[1])
local value = header(record)
local led, cooling = lease(), cooldown()
return {
  now, value and now < value.keptUntil and record or false,
  led and led.owner or false, led and text(led.till) or false,
  cooling and cooling.till or false, cooling and cooling.cause or false
}
`

const script = (lua: string): Script => {
  const text = lua.trim()
  return { lua: text, sha: createHash("sha1").update(text).digest("hex") }
}

const tell = (command: "PUBLISH" | "SPUBLISH", payload: string): string =>
  `redis.pcall("${command}", KEYS[1], "${payload}")`

const scripts = (value: string, turn: string): Scripts => ({
  acquire: script(acquire),
  fill: script(fill(value)),
  abandon: script(abandon(turn)),
  renew: script(renew),
  delete: script(remove(value)),
  put: script(put(value)),
  touch: script(touch),
  read: script(read)
})

const ofSingle = (value: string, turn: string): Scripts => ({
  ...scripts(value, turn),
  acquireMany: script(acquireMany)
})

/** For a single server, with or without replicas and Sentinels. */
export const single: Scripts = ofSingle(tell("PUBLISH", valueChanged), tell("PUBLISH", "turn"))

/**
 * For a cluster. Watchers of a key get its messages on the shard that has it, from the node that ran the script. A
 * pattern subscription does not receive those messages, so another one, for `changes`, visits every node.
 */
export const sharded: Scripts = scripts(
  `${tell("SPUBLISH", valueChanged)} ${tell("PUBLISH", valueChanged)}`,
  tell("SPUBLISH", "turn")
)

/** The same without messages. */
export const silent: Readonly<Record<"single" | "sharded", Scripts>> = {
  single: ofSingle("", ""),
  sharded: scripts("", "")
}
