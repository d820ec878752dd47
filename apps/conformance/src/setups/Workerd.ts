/** Cloudflare's own runtime, in which its stores are tested. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { WorkersRuntime } from "@cache-locking/test-servers"
import * as Effect from "effect/Effect"
import type { MiniflareOptions } from "miniflare"
import { type ServerFacts, scoped } from "./AdapterSetup.ts"

/** A Worker with its bindings, for as long as the scope; answers with its URL. */
export const workerd = (options: Partial<MiniflareOptions> & { readonly script: string }) =>
  Effect.map(
    scoped(
      async () => {
        const miniflare = await WorkersRuntime.start({ modules: true, ...options })
        return { miniflare, url: await miniflare.ready }
      },
      ({ miniflare }) => miniflare.dispose()
    ),
    ({ url }) => url
  )

/** The version of a package, from its manifest, because the package exports none. */
const versionOf = (name: string): string => {
  let folder = dirname(createRequire(import.meta.url).resolve(name))
  for (;;) {
    const manifest = manifestIn(folder)
    if (manifest?.name === name && manifest.version !== undefined) return manifest.version
    if (folder === dirname(folder)) return "unknown"
    folder = dirname(folder)
  }
}

const manifestIn = (folder: string): { readonly name?: string; readonly version?: string } | undefined => {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  } catch {
    return undefined
  }
}

export const runtimeFacts = (): ServerFacts => ({
  name: "workerd (miniflare)",
  version: versionOf("miniflare"),
  how: "installed"
})
