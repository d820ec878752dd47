import { type Document, deserialize, type Long, serialize } from "bson"
import type { ReservedSql, Sql } from "postgres"
import { MongoError, repairWriteErrors, unpackCode } from "./DocumentDbError.ts"

export interface Command {
  readonly name: string
  readonly database: string
  /** Decoded only near the top: fields of the user's are never read from here. */
  readonly document: Document
  readonly body: Buffer
  readonly documents: Buffer | undefined
}

/** The unread part of a cursor, and the connection that holds it open, if any. */
interface Cursor {
  readonly continuation: Buffer
  readonly connection: ReservedSql | undefined
  readonly expiry: NodeJS.Timeout
}

const bson = "::bytea::documentdb_core.bson"
const cursorLifetime = 60_000

/** The errors of a statement that Postgres ended so that another could go on. It may be tried again. */
const isTransient = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "40P01" || error.code === "40001")

const retrying = async <A>(
  attempt: () => Promise<A>,
  again: (error: unknown) => boolean,
  times: number
): Promise<A> => {
  for (let left = times; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left === 0 || !again(error)) throw error
    }
  }
}

/** Two upserts of one new document can race to its primary key; the loser finds it there and updates it. */
const lostUpsert =
  (document: Document) =>
  (error: unknown): boolean =>
    document["upsert"] === true &&
    error instanceof Error &&
    "code" in error &&
    error.code === "23505" &&
    "constraint_name" in error &&
    /^collection_pk/.test(String(error.constraint_name))

/** MongoDB's commands, carried out by the functions that the DocumentDB extension gives Postgres. */
export class DocumentDbCommands {
  private readonly sql: Sql
  private readonly cursors = new Map<string, Cursor>()
  private lastCursor = BigInt(Date.now()) * 1000n

  constructor(sql: Sql) {
    this.sql = sql
  }

  async run(command: Command): Promise<Uint8Array> {
    const { body, database, document, name } = command
    const verb = name.toLowerCase()
    switch (verb) {
      case "ping":
      case "endsessions":
      case "refreshsessions":
        return serialize({ ok: 1 })
      case "hello":
      case "ismaster":
        return this.hello(name)
      case "buildinfo":
        return serialize({ version: "7.0.0", versionArray: [7, 0, 0, 0], gitVersion: "documentdb", ok: 1 })
      case "serverstatus":
        return serialize({ pid: process.pid, ok: 1 })
      case "getparameter":
        return serialize({ featureCompatibilityVersion: { version: "7.0" }, ok: 1 })
      case "insert":
      case "update":
      case "delete":
        return await this.write(verb, command)
      case "findandmodify":
        return await retrying(
          () =>
            this.one(`select p_result::bytea as reply from documentdb_api.find_and_modify($1, $2${bson})`, [
              database,
              body
            ]),
          (error) => isTransient(error) || lostUpsert(document)(error),
          20
        )
      case "find":
        return await this.open("find_cursor_first_page", command)
      case "aggregate":
        return await this.aggregate(command)
      case "listcollections":
        return await this.open("list_collections_cursor_first_page", command)
      case "listindexes":
        return await this.open("list_indexes_cursor_first_page", command)
      case "getmore":
        return await this.more(command)
      case "killcursors":
        for (const id of document["cursors"] as ReadonlyArray<Long>) this.close(id.toString())
        return serialize({ cursorsKilled: document["cursors"], cursorsNotFound: [], ok: 1 })
      case "count":
        return await this.one(`select document::bytea as reply from documentdb_api.count_query($1, $2${bson})`, [
          database,
          body
        ])
      case "distinct":
        return await this.one(`select document::bytea as reply from documentdb_api.distinct_query($1, $2${bson})`, [
          database,
          body
        ])
      case "create":
        await this.sql.unsafe(`select documentdb_api.create_collection_view($1, $2${bson})`, [database, body])
        return serialize({ ok: 1 })
      case "createindexes":
        return await this.createIndexes(command)
      case "dropindexes":
        return await this.dropIndexes(command)
      case "drop":
        await this.sql.unsafe("select documentdb_api.drop_collection($1, $2)", [database, document["drop"]])
        return serialize({ ns: `${database}.${document["drop"]}`, ok: 1 })
      case "dropdatabase":
        await this.sql.unsafe("select documentdb_api.drop_database($1)", [database])
        return serialize({ dropped: database, ok: 1 })
      case "listdatabases":
        return await this.one(`select documentdb_api.list_databases($1${bson})::bytea as reply`, [body])
      case "committransaction":
      case "aborttransaction":
        throw new MongoError(20, "Transaction numbers are only allowed on a replica set member or mongos")
      default:
        throw new MongoError(59, `no such command: '${name}'`)
    }
  }

  /** A server that stands alone, as far as the driver can tell. */
  private hello(name: string): Uint8Array {
    return serialize({
      helloOk: true,
      [name === "hello" ? "isWritablePrimary" : "ismaster"]: true,
      maxBsonObjectSize: 16 * 1024 * 1024,
      maxMessageSizeBytes: 48_000_000,
      maxWriteBatchSize: 100_000,
      localTime: new Date(),
      logicalSessionTimeoutMinutes: 30,
      minWireVersion: 0,
      maxWireVersion: 21,
      readOnly: false,
      ok: 1
    })
  }

  private async one(statement: string, parameters: ReadonlyArray<unknown>): Promise<Buffer> {
    const [row] = await this.sql.unsafe(statement, [...parameters] as Array<never>, { prepare: true })
    const reply = row?.["reply"]
    if (!Buffer.isBuffer(reply)) throw new MongoError(8, "DocumentDB gave no reply")
    return reply
  }

  private async write(verb: string, { body, database, document, documents }: Command): Promise<Uint8Array> {
    if (document["startTransaction"] === true) {
      throw new MongoError(20, "Transaction numbers are only allowed on a replica set member or mongos")
    }
    const statement = `select p_result::bytea as reply
      from documentdb_api.${verb}($1, $2${bson}, $3::bytea::documentdb_core.bsonsequence)`
    const reply = await retrying(() => this.one(statement, [database, body, documents ?? null]), isTransient, 20)
    return repairWriteErrors(reply)
  }

  private async aggregate(command: Command): Promise<Uint8Array> {
    const pipeline = command.document["pipeline"]
    if (Array.isArray(pipeline) && pipeline[0]?.["$changeStream"] !== undefined) {
      throw new MongoError(40_573, "The $changeStream stage is only supported on replica sets")
    }
    return await this.open("aggregate_cursor_first_page", command)
  }

  /** The first page of an answer, on a connection that is kept if the rest of the answer needs it. */
  private async open(procedure: string, { body, database }: Command): Promise<Uint8Array> {
    const id = String(++this.lastCursor)
    const connection = await this.sql.reserve()
    let kept = false
    try {
      const [row] = await connection.unsafe(
        `select cursorpage::bytea as page, continuation::bytea as continuation, persistconnection as persist
         from documentdb_api.${procedure}($1, $2${bson}, $3::bigint)`,
        [database, body, id],
        { prepare: true }
      )
      if (row?.["continuation"] != null) {
        kept = row["persist"] === true
        this.keep(id, row["continuation"], kept ? connection : undefined)
      }
      return row?.["page"]
    } finally {
      if (!kept) connection.release()
    }
  }

  private async more({ body, database, document }: Command): Promise<Uint8Array> {
    const id = String(document["getMore"])
    const cursor = this.cursors.get(id)
    if (cursor === undefined) throw new MongoError(43, `cursor id ${id} not found`)
    const [row] = await (cursor.connection ?? this.sql).unsafe(
      `select cursorpage::bytea as page, continuation::bytea as continuation
       from documentdb_api.cursor_get_more($1, $2${bson}, $3${bson})`,
      [database, body, cursor.continuation],
      { prepare: true }
    )
    if (row?.["continuation"] == null) {
      this.close(id)
    } else {
      clearTimeout(cursor.expiry)
      this.keep(id, row["continuation"], cursor.connection)
    }
    return row?.["page"]
  }

  private keep(id: string, continuation: Buffer, connection: ReservedSql | undefined): void {
    this.cursors.set(id, { continuation, connection, expiry: setTimeout(() => this.close(id), cursorLifetime) })
  }

  private close(id: string): void {
    const cursor = this.cursors.get(id)
    this.cursors.delete(id)
    clearTimeout(cursor?.expiry)
    cursor?.connection?.release()
  }

  /** Calls a procedure, whose answer has a type that is readable only as text. */
  private async dropIndexes({ body, database }: Command): Promise<Uint8Array> {
    const [row] = await this.sql.unsafe(`call documentdb_api.drop_indexes($1, $2${bson}, null)`, [database, body])
    return Buffer.from(String(row?.["retval"]).replace("BSONHEX", ""), "hex")
  }

  /** The function for clients builds indexes in the background, seconds later; this one builds them now. */
  private async createIndexes({ body, database }: Command): Promise<Uint8Array> {
    const reply = await this.one(
      `select documentdb_api_internal.create_indexes_non_concurrently($1, $2${bson}, true)::bytea as reply`,
      [database, body]
    )
    const { raw } = deserialize(reply)
    const outcome: Document = raw?.["defaultShard"] ?? {}
    if (outcome["code"] !== undefined) throw new MongoError(unpackCode(outcome["code"]), String(outcome["errmsg"]))
    return serialize({ ...outcome, ok: 1 })
  }
}

/** Reads the parts of a request that the gateway needs. */
export const toCommand = (body: Buffer, documents: Buffer | undefined): Command => {
  const document = deserialize(body, { promoteLongs: false })
  return {
    name: Object.keys(document)[0] ?? "",
    database: String(document["$db"] ?? "admin"),
    document,
    body,
    documents
  }
}
