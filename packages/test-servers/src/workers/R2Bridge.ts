/**
 * Access from Node to a Worker's R2 binding, over HTTP, so that several processes can use it, also through a proxy. The
 * caller starts the Worker (`script`) in miniflare, with the binding `R2`.
 */

/** The Worker: carries out each request on its binding, and returns the binding's answer. */
export const script = `
const headOf = ({ customMetadata, etag, key, size, uploaded }) => ({ customMetadata, etag, key, size, uploaded })
const headers = (object) => ({ "x-head": encodeURIComponent(JSON.stringify(headOf(object))) })
const nothing = () => new Response(null, { status: 404 })
const answer = async (request, env) => {
  const { pathname, searchParams } = new URL(request.url)
  const name = searchParams.get("name")
  const options = JSON.parse(searchParams.get("options") ?? "{}")
  switch (pathname) {
    case "/get": {
      const object = await env.R2.get(name)
      return object === null ? nothing() : new Response(object.body, { headers: headers(object) })
    }
    case "/put": {
      const object = await env.R2.put(name, await request.arrayBuffer(), options)
      return object === null ? nothing() : new Response(null, { headers: headers(object) })
    }
    case "/delete":
      await env.R2.delete(name)
      return new Response(null)
    case "/list": {
      const { cursor, objects, truncated } = await env.R2.list(options)
      return Response.json({ cursor, objects: objects.map(headOf), truncated })
    }
    default: return new Response("here")
  }
}
export default {
  fetch: (request, env) =>
    answer(request, env).catch(({ message, name }) => Response.json({ message, name }, { status: 500 }))
}
`

/** The description of an object, as the binding gives it. */
export interface R2Head {
  readonly key: string
  readonly etag: string
  readonly size: number
  readonly uploaded: Date
  readonly customMetadata: Record<string, string>
}

/** The answer, or the error that the binding threw. */
const post = async (url: URL, body?: Uint8Array): Promise<Response> => {
  const sent = fetch(url, { method: "POST", body: (body ?? new Uint8Array()) as Uint8Array<ArrayBuffer> })
  const response = await sent.catch((cause) => {
    // The message that a Worker gets.
    throw new Error("Network connection lost.", { cause })
  })
  if (response.status !== 500) return response
  const { message, name } = (await response.json()) as { readonly message: string; readonly name: string }
  throw Object.assign(new Error(message), { name })
}

const dated = (head: Omit<R2Head, "uploaded"> & { readonly uploaded: string }): R2Head => ({
  ...head,
  uploaded: new Date(head.uploaded)
})

const headOf = (response: Response): R2Head =>
  dated(JSON.parse(decodeURIComponent(response.headers.get("x-head") ?? "null")))

/** The Worker's `R2`, with the methods that a cache uses. */
export const binding = (url: string) => {
  const at = (path: string, name: string, options: object = {}): URL => {
    const target = new URL(path, url)
    target.searchParams.set("name", name)
    target.searchParams.set("options", JSON.stringify(options))
    return target
  }
  return {
    get: async (name: string) => {
      const response = await post(at("/get", name))
      if (response.status === 404) return null
      return { ...headOf(response), arrayBuffer: () => response.arrayBuffer() }
    },
    put: async (name: string, value: ArrayBufferView, options?: object) => {
      const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      const response = await post(at("/put", name, options), bytes)
      return response.status === 404 ? null : headOf(response)
    },
    delete: async (name: string): Promise<void> => {
      await post(at("/delete", name))
    },
    list: async (options: object) => {
      const page = (await (await post(at("/list", "", options))).json()) as {
        readonly objects: Array<Parameters<typeof dated>[0]>
        readonly truncated: boolean
        readonly cursor?: string
      }
      return { ...page, objects: page.objects.map(dated) }
    }
  }
}
