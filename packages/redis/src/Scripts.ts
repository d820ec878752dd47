/**
 * The verbs as Lua: `Entry` restated, one script each, on the store's clock alone.
 *
 * A cache key is two Redis keys in one hash slot. `KEYS[1]` is a string: the value behind a header of
 * 25 bytes (see `StoredValue`). `KEYS[2]` is a hash that lives while somebody leads (`owner`, `token`,
 * `until`) or the key cools down (`cooling`, `cause`), never both. Both carry Redis's own expiry, which
 * only collects: the scripts themselves compare instants, so nothing hangs on when Redis looks.
 *
 * Durations come as whole milliseconds or `inf`. Instants leave as text, because Redis would
 * cut an infinity to an integer. A change is told on the channel that is named like the value's key;
 * `pcall`, so that a server that refuses to publish still stores.
 */
import { createHash } from "node:crypto"

/** One script, and the digest by which Redis knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/** The scripts of one kind of server. */
export interface Scripts {
  readonly acquire: Script
  readonly fill: Script
  readonly abandon: Script
  readonly renew: Script
  readonly delete: Script
  readonly put: Script
  readonly read: Script
}

const clock = `
local t = redis.call("TIME")
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function after(ms) return ms == "inf" and math.huge or now + tonumber(ms) end
local function instant(text) return text == "inf" and math.huge or tonumber(text) end
local function text(at) return at == math.huge and "inf" or string.format("%.0f", at) end
local function expire(key, at)
  if at == math.huge then redis.call("PERSIST", key) else redis.call("PEXPIREAT", key, text(at)) end
end
`

/** The freshness that a record has left, or false if it is not one, or is over. */
const freshness = `
local function freshness(record)
  if not record or #record < 25 or record:byte() ~= 1 then return false end
  local freshUntil, keptUntil = struct.unpack(">dd", record, 10)
  return now < keptUntil and freshUntil - now
end
`

const keep = `
local function keep(value, fresh, stale)
  local freshUntil = after(fresh)
  local keptUntil = stale == "inf" and math.huge or freshUntil + tonumber(stale)
  if keptUntil <= now then return redis.call("DEL", KEYS[1]) end
  local record = struct.pack(">Bddd", 1, now, freshUntil, keptUntil) .. value
  if keptUntil == math.huge then redis.call("SET", KEYS[1], record)
  else redis.call("SET", KEYS[1], record, "PXAT", text(keptUntil)) end
end
`

/** Answers 0 at once unless `ARGV[1]` is the token of the live lease. */
const held = `
local lease = redis.call("HMGET", KEYS[2], "owner", "token", "until")
if not (lease[3] and now < instant(lease[3]) and lease[2] .. ":" .. lease[1] == ARGV[1]) then return 0 end
`

/** ARGV: owner, leaseFor, refreshWithin, "1" if forced. */
const acquire = `${clock}${freshness}
local record = redis.call("GET", KEYS[1])
local fresh = freshness(record)
if not fresh then record = false end
local force = ARGV[4] == "1"
if fresh and fresh > 0 and not force and fresh > instant(ARGV[3]) then return { 0, now, record } end
local turn = redis.call("HMGET", KEYS[2], "owner", "token", "until", "cooling", "cause")
local leased = turn[3] and now < instant(turn[3])
local cooling = turn[4] and now < instant(turn[4])
local mine = leased and turn[1] == ARGV[1]
if not force and ((leased and not mine) or cooling) then
  if fresh and fresh > 0 then return { 0, now, record } end
  if leased then return { 2, now, record, turn[3] } end
  return { 3, now, record, turn[4], turn[5] }
end
local token = mine and turn[2] or t[1] .. "." .. t[2]
local till = after(ARGV[2])
if not mine then redis.call("DEL", KEYS[2]) end
redis.call("HSET", KEYS[2], "owner", ARGV[1], "token", token, "until", text(till))
expire(KEYS[2], till)
return { 1, now, record, token .. ":" .. ARGV[1] }
`

/** ARGV: token, value, fresh, stale. */
const fill = (wake: string) => `${clock}${keep}${held}
keep(ARGV[2], ARGV[3], ARGV[4])
redis.call("DEL", KEYS[2])
${wake}
return 1
`

/** ARGV: token, cooldown, and the cause if there is one. */
const abandon = (wake: string) => `${clock}${held}
redis.call("DEL", KEYS[2])
if ARGV[2] ~= "0" then
  local till = after(ARGV[2])
  redis.call("HSET", KEYS[2], "cooling", text(till))
  if ARGV[3] then redis.call("HSET", KEYS[2], "cause", ARGV[3]) end
  expire(KEYS[2], till)
end
${wake}
return 1
`

/** ARGV: token, leaseFor. */
const renew = `${clock}${held}
local till = after(ARGV[2])
redis.call("HSET", KEYS[2], "until", text(till))
expire(KEYS[2], till)
return 1
`

const remove = (wake: string) => `${clock}${freshness}
local had = freshness(redis.call("GETRANGE", KEYS[1], 0, 24))
if redis.call("DEL", KEYS[1], KEYS[2]) > 0 then ${wake} end
return had and 1 or 0
`

/** ARGV: value, fresh, stale. */
const put = (wake: string) => `${clock}${keep}
keep(ARGV[1], ARGV[2], ARGV[3])
redis.call("DEL", KEYS[2])
${wake}
return 1
`

const read = `${clock}${freshness}
local record = redis.call("GET", KEYS[1])
local turn = redis.call("HMGET", KEYS[2], "owner", "until", "cooling", "cause")
local leased = turn[2] and now < instant(turn[2])
local cooling = turn[3] and now < instant(turn[3])
return {
  now, freshness(record) and record,
  leased and turn[1], leased and turn[2],
  cooling and turn[3], cooling and turn[4]
}
`

const script = (lua: string): Script => {
  const text = lua.trim()
  return { lua: text, sha: createHash("sha1").update(text).digest("hex") }
}

const scripts = (publish: "PUBLISH" | "SPUBLISH"): Scripts => {
  const wake = `redis.pcall("${publish}", KEYS[1], "")`
  return {
    acquire: script(acquire),
    fill: script(fill(wake)),
    abandon: script(abandon(wake)),
    renew: script(renew),
    delete: script(remove(wake)),
    put: script(put(wake)),
    read: script(read)
  }
}

/** For a single server, whatever stands before it. */
export const single: Scripts = scripts("PUBLISH")

/** For a cluster: the message stays on the shard that has the key, instead of visiting every node. */
export const sharded: Scripts = scripts("SPUBLISH")
