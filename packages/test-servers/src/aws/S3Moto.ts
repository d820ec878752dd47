import { execFile } from "node:child_process"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { isExecutable } from "../machine/Binary.ts"
import { unpack } from "../machine/Debian.ts"
import { type Server, type ServerDefinition, type StartOptions, startServer } from "../machine/Server.ts"

const run = promisify(execFile)

/** The oldest version found to have Put If-None-Match, Put If-Match and Delete If-Match. */
const oldest = [5, 2]

const isRecent = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major > (oldest[0] ?? 0) || (major === oldest[0] && minor >= (oldest[1] ?? 0))
}

/**
 * Only Debian's unstable release has it. But it is Python and runs on the machine's own: so moto alone comes from
 * there, and its dependencies from the machine's release.
 */
const bring = async () => {
  const needs = ["flask", "flask-cors", "boto3", "responses", "xmltodict", "cryptography", "jinja2", "requests"]
  const libraries = await unpack(
    "moto-needs",
    needs.map((name) => `python3-${name}`)
  )
  const moto = await unpack("moto", ["python3-moto"], { archive: "unstable", extent: "alone" })
  const path = moto.find("moto_server")
  if (path === undefined) throw new Error("python3-moto brought no moto_server")
  const modules = [moto, libraries].map(({ prefix }) => join(prefix, "usr/lib/python3/dist-packages"))
  return { path, env: { ...libraries.env, PYTHONPATH: modules.join(":") } }
}

/** The Python that runs it: the one beside it, or the machine's. */
const pythonOf = (path: string): string => {
  const beside = join(dirname(path), "python3")
  return isExecutable(beside) ? beside : "/usr/bin/python3"
}

/**
 * Moto answers in threads, and checks a condition in one step and writes in another, so two writes at once may both
 * succeed. Our setup therefore carries out requests one after the other, each when its body has arrived.
 */
const launcher = `
import io, threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.server import main
turn, carry_out = threading.Lock(), DomainDispatcherApplication.__call__
def one_by_one(self, environ, start_response):
    whole = environ.get("wsgi.input_terminated")
    body = environ["wsgi.input"].read() if whole else environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    with turn:
        return list(carry_out(self, environ, start_response))
DomainDispatcherApplication.__call__ = one_by_one
main()
`

const definition: ServerDefinition = {
  kind: "s3-moto",
  variable: "S3_URL",
  defaultPort: 80,
  binary: {
    name: "moto_server",
    packages: [],
    bring,
    // It does not print its version; the Python beside it does.
    version: async (path, env) => {
      const { stdout } = await run(pythonOf(path), ["-c", "import moto; print(moto.__version__)"], {
        env: { ...process.env, ...env },
        timeout: 20_000
      })
      return stdout.trim()
    },
    accepts: isRecent
  },
  url: (port) => `http://127.0.0.1:${port}`,
  launch: ({ args, binary, port }) => ({
    command: pythonOf(binary.path),
    args: ["-c", launcher, "-H", "127.0.0.1", "-p", String(port), ...args],
    env: binary.env
  }),
  ready: async (url) => (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok,
  version: async (url) => {
    // A URL with credentials in it cannot be fetched. Any answer counts.
    const response = await fetch(new URL(url).origin, { signal: AbortSignal.timeout(5000) })
    return response.headers.get("server") ?? "unknown"
  }
}

/**
 * An S3 server with conditional writes and no buckets: `S3_URL`, with credentials if needed; or moto, which accepts
 * any.
 */
export const S3Moto = {
  kind: definition.kind,
  variable: definition.variable,
  start: (options?: StartOptions): Promise<Server> => startServer(definition, options)
}
