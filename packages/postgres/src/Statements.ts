/**
 * The verbs as SQL: `Entry` restated, one statement each, on the server's clock alone.
 *
 * A key is one row (see `Schema`). It has a value while `value` is not null and until `filled_at + fresh_for +
 * stale_for`; its lease lives until `lease_until`, its cooldown until `cooling_until`. All are milliseconds, as float8,
 * which has infinity. Rows only hold their ends: every statement compares the instants itself, and `collect` removes
 * expired rows.
 *
 * The clock is read after a row was locked, never before: a statement that waited for a row judges it by the time after
 * the wait. (`clock_timestamp()` in a `where` or a `set` is evaluated anew when the row turns out to have changed.)
 * Statements that only read use one instant.
 *
 * The statement that makes a change announces it by `pg_notify`: the SHA-256 of the key, after `v` when the value may
 * have changed and `t` when only the lease did. Never the key, never the value, always 65 bytes.
 *
 * Every parameter is data. `Space` quotes the names of the table and of the channel.
 */
import type { Space } from "./Space.ts"

/** The first character of messages about changed values. */
export const valueChanged = "v"

const leaseChanged = "t"

/** Milliseconds for which an expired row is kept, so that a feed can look its key up by the hash in a message. */
export const collectAfter = 60_000

/** The rows that one statement examines. */
export const pageSize = 1_000

/** The statements over one table. Their first parameter is the prefix. */
export interface Statements {
  /** key, owner, leaseFor, refreshWithin, force. No row when another client was faster: ask again. */
  readonly acquire: string
  /** key, owner, refreshWithin. No row when the key needs a lease. */
  readonly peek: string
  /** keys, owner, refreshWithin, force. A row for every key whose answer needs no lease. */
  readonly acquireMany: string
  /** key, token, fresh, stale, value. A row if the lease was held; the next three answer alike. */
  readonly fill: string
  /** key, token, fresh, stale. */
  readonly refill: string
  /** key, token, cooldown, cause. */
  readonly abandon: string
  /** key, token, leaseFor. */
  readonly renew: string
  /** key. A row if there was one: true if it had a value. */
  readonly remove: string
  /** keys. The same for each. */
  readonly removeMany: string
  /** key, fresh, stale, value. */
  readonly put: string
  /** key, freshFor. A row if there was a fresh value. */
  readonly touch: string
  /** key. One row, or none. */
  readonly read: string
  /**
   * the last id of the page before, the beginning of keys. A row for every row of the page: its id, and its key if the
   * key is listed.
   */
  readonly keys: string
  /** ids. A row for every id that has one: id and key. */
  readonly lookUp: string
  /** the last id of the page before, and as the first parameter the last prefix. One row, except at the end. */
  readonly collect: string
}

const now = "floor(date_part('epoch', clock_timestamp()) * 1000)"

/** One row with one instant: a subquery with a volatile function is never merged into what is around it. */
const instant = `(select ${now} as clock) n`

const keptUntil = (row: string) => `(${row}.filled_at + ${row}.fresh_for + ${row}.stale_for)`

/** `NaN`, which Postgres calls greater than every number, is not after any instant: such a record counts as none. */
const isBefore = (at: string, end: string) => `coalesce(${at} < ${end} and ${end} <= 'infinity', false)`

/** Conditions on a row at an instant. Each is true or false and never null, even without a row. */
const kept = (row: string, at: string) => `(${row}.value is not null and ${isBefore(at, keptUntil(row))})`
const leased = (row: string, at: string) => isBefore(at, `${row}.lease_until`)
const cooling = (row: string, at: string) => isBefore(at, `${row}.cooling_until`)

/** Milliseconds of freshness left, negative for a stale value. */
const freshFor = (row: string, at: string) => `(${row}.filled_at + ${row}.fresh_for - ${at})`

const age = (row: string, at: string) => `greatest(0, ${at} - ${row}.filled_at)`

/** The instant after which nothing in a row matters. */
const endsAt = (row: string) =>
  `coalesce(greatest(${row}.changed_at, ${keptUntil(row)}, ${row}.lease_until, ${row}.cooling_until), 0)`

/** The instant after which a row may be collected: milliseconds since the epoch, an expression over the row. */
export const collectedAt = (row: string): string => `(${endsAt(row)} + ${collectAfter})`

/** The parameters of a request for a lease. */
interface Asked {
  readonly owner: string
  readonly within: string
  readonly force: string
}

/** True when the caller leads, judged by a row. */
const leads = (row: string, at: string, { force, owner, within }: Asked): string => {
  const free = `(not ${leased(row, at)} or ${row}.owner = ${owner}) and not ${cooling(row, at)}`
  const poor = `(not ${kept(row, at)} or ${freshFor(row, at)} <= greatest(0, ${within}))`
  return `(${force} or (${free} and ${poor}))`
}

/** The columns of an answer: tag (hit 0, leader 1, follower 2, cooling 3), the value and its times, and the lease. */
const answer = (row: string, at: string, led: boolean): string =>
  [
    led
      ? "1"
      : `case when ${kept(row, at)} and ${freshFor(row, at)} > 0 then 0 when ${leased(row, at)} then 2 else 3 end`,
    `case when ${kept(row, at)} then ${row}.value end`,
    freshFor(row, at),
    age(row, at),
    `${row}.took`,
    led ? `${row}.token` : "null::uuid",
    led
      ? "null::float8"
      : `case when ${leased(row, at)} then ${row}.lease_until - ${at} else ${row}.cooling_until - ${at} end`,
    led ? "null::bytea" : `case when ${cooling(row, at)} then ${row}.cause end`
  ].join(", ")

const noLease = "owner = null, token = null, lease_since = null, lease_until = null, cooling_until = null, cause = null"

/** The statements, with the names in them; where `tells` is false, without announcements. */
export const statements = ({ channel, table }: Space, tells = true): Statements => {
  const tell = (kind: string, row: string) =>
    tells ? `pg_notify('${channel}', '${kind}' || encode(${row}.id, 'hex'))` : "1"
  const here = (row: string) => `${row}.prefix = $1 and ${row}.id = sha256($2::bytea)`
  /** The rows of keys, each looked up by itself. A plan for a table of unknown size would read all of a prefix instead. */
  const among = (row: string, locked = "") => `
    (select sha256(k) as id from unnest($2::text::bytea[]) k order by 1) ks
    cross join lateral (select t.* from ${table} t where t.prefix = $1 and t.id = ks.id offset 0 ${locked}) ${row}`
  const removal = (locked: string, same: string) => `
      with f as materialized (
        select l.*, ${now} as clock
        from ${locked}
      ), g as (
        update ${table} t set value = null, filled_at = null, took = null, fresh_for = null, stale_for = null,
          changed_at = f.clock, ${noLease}
        from f
        where ${same} and (f.value is not null or f.token is not null or f.cooling_until is not null)
        returning t.id, ${kept("f", "f.clock")} as existed
      )
      select g.existed, ${tell(valueChanged, "g")} from g`
  const held = (row: string) => `${here(row)} and ${row}.token = $3::uuid and ${now} < ${row}.lease_until`

  const one: Asked = { owner: "$3::bytea", within: "$5::float8", force: "$6::boolean" }
  const many: Asked = { owner: "$3::bytea", within: "$4::float8", force: "$5::boolean" }

  return named({
    // Reads first, and takes a lock only when the row read has a lease to grant.
    acquire: `
      with s as materialized (
        select n.clock, t.* from ${instant} left join ${table} t on ${here("t")}
      ), g as (
        insert into ${table} as t (prefix, id, key, owner, token, lease_since, lease_until)
        select $1, sha256($2::bytea), $2::bytea, $3::bytea, gen_random_uuid(), s.clock, s.clock + $4::float8
        from s where ${leads("s", "s.clock", one)}
        on conflict (prefix, id) do update set
          (owner, token, lease_since, lease_until, cooling_until, cause) = (
            select $3::bytea,
              case when l.mine then t.token else excluded.token end,
              case when l.mine then t.lease_since else l.clock end,
              l.clock + $4::float8, null::float8, null::bytea
            from (select n.clock, coalesce(n.clock < t.lease_until and t.owner = $3::bytea, false) as mine from ${instant}) l
          )
        where (select ${leads("t", "n.clock", one)} from ${instant})
        returning t.*, ${now} as clock
      )
      select ${answer("g", "g.clock", true)} from g
      union all
      select ${answer("s", "s.clock", false)} from s where not ${leads("s", "s.clock", one)}`,

    peek: `
      select ${answer("t", "n.clock", false)}
      from ${instant} cross join ${table} t
      where ${here("t")} and not ${leads("t", "n.clock", { owner: "$3::bytea", within: "$4::float8", force: "false" })}`,

    acquireMany: `
      select t.key, ${answer("t", "n.clock", false)}
      from ${instant} cross join ${among("t")}
      where not ${leads("t", "n.clock", many)}`,

    fill: `
      with g as (
        update ${table} t set value = $6::bytea, fresh_for = $4::float8, stale_for = $5::float8,
          (filled_at, changed_at, took) = (
            select n.clock, n.clock, greatest(0, n.clock - t.lease_since) from ${instant}
          ), ${noLease}
        where ${held("t")}
        returning t.id
      )
      select ${tell(valueChanged, "g")} from g`,

    refill: `
      with g as (
        update ${table} t set fresh_for = $4::float8, stale_for = $5::float8,
          (filled_at, changed_at, took) = (
            select n.clock, n.clock, greatest(0, n.clock - t.lease_since) from ${instant}
          ), ${noLease}
        where ${held("t")} and ${kept("t", now)}
        returning t.id
      )
      select ${tell(valueChanged, "g")} from g`,

    abandon: `
      with g as (
        update ${table} t set owner = null, token = null, lease_since = null, lease_until = null,
          cooling_until = case when $4::float8 > 0 then ${now} + $4::float8 end,
          cause = case when $4::float8 > 0 then $5::bytea end
        where ${held("t")}
        returning t.id
      )
      select ${tell(leaseChanged, "g")} from g`,

    renew: `
      update ${table} t set lease_until = ${now} + $4::float8 where ${held("t")} returning 1`,

    // The empty rows stay for a while, so that a feed can look their keys up.
    remove: removal(`(select t.* from ${table} t where ${here("t")} for update) l`, here("t")),

    // Locked in one order, so that two batches never wait for each other.
    removeMany: removal(among("l", "for update"), "t.prefix = $1 and t.id = f.id"),

    put: `
      with g as (
        insert into ${table} as t (prefix, id, key, value, filled_at, changed_at, took, fresh_for, stale_for)
        select $1, sha256($2::bytea), $2::bytea, $5::bytea, n.clock, n.clock, 0, $3::float8, $4::float8 from ${instant}
        on conflict (prefix, id) do update set value = excluded.value, took = 0,
          fresh_for = excluded.fresh_for, stale_for = excluded.stale_for,
          (filled_at, changed_at) = (select n.clock, n.clock from ${instant}), ${noLease}
        returning t.id
      )
      select ${tell(valueChanged, "g")} from g`,

    touch: `
      update ${table} t set fresh_for = ${now} - t.filled_at + $3::float8
      where ${here("t")} and ${kept("t", now)} and ${freshFor("t", now)} > 0
      returning 1`,

    read: `
      select case when ${kept("t", "n.clock")} then t.value end, ${freshFor("t", "n.clock")},
        ${keptUntil("t")} - n.clock, ${age("t", "n.clock")}, t.took,
        case when ${leased("t", "n.clock")} then t.owner end, t.lease_until - n.clock,
        case when ${cooling("t", "n.clock")} then t.cooling_until - n.clock end, t.cause
      from ${instant} cross join ${table} t where ${here("t")}`,

    keys: `
      with p as materialized (
        select t.id, t.key, ${kept("t", "n.clock")} or ${leased("t", "n.clock")} as listed
        from ${instant} cross join (
          select * from ${table} t where t.prefix = $1 and t.id > $2::bytea order by t.id limit ${pageSize}
        ) t
      )
      select p.id, case when p.listed and substring(p.key from 1 for octet_length($3::bytea)) = $3::bytea then p.key end
      from p order by p.id`,

    lookUp: `
      select t.id, t.key from ${table} t where t.prefix = $1 and t.id = any ($2::text::bytea[])`,

    // Checks each row again once it is locked. Rows that another client has locked are left for another time. A failure
    // that nobody can be given any more does not wait for the end of the value beside it.
    collect: `
      with p as materialized (
        select t.prefix, t.id, ${collectedAt("t")} <= n.clock as over,
          t.cause is not null and not ${cooling("t", "n.clock")} as served
        from ${instant} cross join (
          select * from ${table} t where (t.prefix, t.id) > ($1, $2::bytea) order by t.prefix, t.id limit ${pageSize}
        ) t
      ), d as materialized (
        select t.prefix, t.id from ${table} t join p on p.prefix = t.prefix and p.id = t.id
        where p.over and ${collectedAt("t")} <= ${now}
        for update of t skip locked
      ), g as (
        delete from ${table} t using d where t.prefix = d.prefix and t.id = d.id returning 1
      ), e as materialized (
        select t.prefix, t.id from ${table} t join p on p.prefix = t.prefix and p.id = t.id
        where p.served and not p.over and not ${cooling("t", now)}
        for update of t skip locked
      ), c as (
        update ${table} t set cause = null from e where t.prefix = e.prefix and t.id = e.id
      )
      select (select count(*) from g), p.prefix, p.id, (select count(*) from p)
      from p order by p.prefix desc, p.id desc limit 1`
  })
}

/** Every statement has its name in `pg_stat_activity`. */
const named = (texts: Statements): Statements =>
  Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [
      name,
      `/* cache-locking ${name} */ ${text.trim().replace(/\n +/g, "\n")}`
    ])
  ) as unknown as Statements
