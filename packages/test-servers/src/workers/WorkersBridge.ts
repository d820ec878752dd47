/**
 * Access from Node to the bindings of a Worker, over HTTP, so that several processes can use it, also through a proxy.
 * The caller starts the Worker (`script`) in miniflare, with the bindings `DB` and `KV` or one of them.
 */

/** The Worker: carries out each request on its bindings, and returns their answers. */
export const script = `
const bytesOf = (value) => typeof value === "object" && value !== null
  ? Uint8Array.from(atob(value.base64), (character) => character.charCodeAt(0)) : value
const run = async (database, statements) => {
  const bound = statements.map(([sql, ...values]) => database.prepare(sql).bind(...values.map(bytesOf)))
  return bound.length === 1 ? [await bound[0].all()] : database.batch(bound)
}
const answer = async (request, env) => {
  const { pathname, searchParams } = new URL(request.url)
  const name = searchParams.get("name")
  switch (pathname) {
    case "/d1": return Response.json(await run(env.DB, await request.json()))
    case "/kv/get": {
      const found = await env.KV.getWithMetadata(name, "arrayBuffer")
      const metadata = encodeURIComponent(JSON.stringify(found.metadata))
      return found.value === null ? new Response(null, { status: 404 }) : new Response(found.value, { headers: { metadata } })
    }
    case "/kv/put":
      await env.KV.put(name, await request.arrayBuffer(), JSON.parse(searchParams.get("options")))
      return new Response(null, { status: 204 })
    case "/kv/delete":
      await env.KV.delete(name)
      return new Response(null, { status: 204 })
    default: return new Response("here")
  }
}
export default {
  fetch: (request, env) =>
    answer(request, env).catch(({ message, name }) => Response.json({ message, name }, { status: 500 }))
}
`

/** The answer, or the error that the binding threw. */
const post = async (url: URL, body: string | Uint8Array): Promise<Response> => {
  const response = await fetch(url, { method: "POST", body: body as Uint8Array<ArrayBuffer> })
  if (response.status !== 500) return response
  const { message, name } = (await response.json()) as { readonly message: string; readonly name: string }
  throw Object.assign(new Error(message), { name })
}

/** A prepared statement, as D1 has it. */
class Statement {
  private readonly send: Send
  readonly sql: string
  readonly values: ReadonlyArray<unknown>

  constructor(send: Send, sql: string, values: ReadonlyArray<unknown>) {
    this.send = send
    this.sql = sql
    this.values = values
  }

  bind(...values: Array<unknown>): Statement {
    return new Statement(this.send, this.sql, values)
  }

  async all(): Promise<D1Answer> {
    return (await this.send([this]))[0]!
  }
}

/** The answer of D1 to a statement. */
export interface D1Answer {
  readonly results: Array<unknown>
  readonly meta: { readonly rows_read: number; readonly rows_written: number }
}

type Send = (statements: ReadonlyArray<Statement>) => Promise<Array<D1Answer>>

const encoded = (value: unknown): unknown =>
  value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value

/** The Worker's `DB`. */
export const d1 = (url: string) => {
  const send: Send = async (statements) => {
    const body = statements.map(({ sql, values }) => [sql, ...values.map(encoded)])
    return (await (await post(new URL("/d1", url), JSON.stringify(body))).json()) as Array<D1Answer>
  }
  return {
    prepare: (sql: string): Statement => new Statement(send, sql, []),
    batch: (statements: Array<unknown>): Promise<Array<D1Answer>> => send(statements as Array<Statement>)
  }
}

const at = (url: string, path: string, name: string, options?: object): URL => {
  const target = new URL(path, url)
  target.searchParams.set("name", name)
  if (options !== undefined) target.searchParams.set("options", JSON.stringify(options))
  return target
}

const bytesOf = (value: ArrayBuffer | ArrayBufferView): Uint8Array =>
  value instanceof ArrayBuffer
    ? new Uint8Array(value)
    : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)

/** The Worker's `KV`. */
export const kv = (url: string) => ({
  getWithMetadata: async (name: string, _options?: object) => {
    const response = await post(at(url, "/kv/get", name), "")
    const value = response.status === 404 ? null : await response.arrayBuffer()
    const metadata: unknown = JSON.parse(decodeURIComponent(response.headers.get("metadata") ?? "null"))
    return { value, metadata }
  },
  put: async (name: string, value: ArrayBuffer | ArrayBufferView, options: object = {}): Promise<void> => {
    await post(at(url, "/kv/put", name, options), bytesOf(value))
  },
  delete: async (name: string): Promise<void> => {
    await post(at(url, "/kv/delete", name), "")
  }
})
