import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { root } from "../run/Root.ts"

/** A package that is published. */
export interface Package {
  readonly name: string
  readonly folder: string
  /** Import specifiers of its entry points: `@cache-locking/core`, `@cache-locking/core/promise`. */
  readonly specifiers: ReadonlyArray<string>
  readonly peers: ReadonlyArray<string>
  readonly enginesNode: string
}

/** All public packages of the workspace. */
export const publicPackages = (): ReadonlyArray<Package> =>
  globSync("packages/*/package.json", { cwd: root })
    .sort()
    .map((file) => ({ folder: join(root, dirname(file)), manifest: readManifest(join(root, file)) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({
      name: manifest.name,
      folder,
      specifiers: Object.keys(manifest.publishConfig?.exports ?? {})
        .filter((subpath) => subpath !== "./package.json")
        .map((subpath) => manifest.name + subpath.slice(1)),
      peers: Object.keys(manifest.peerDependencies ?? {}),
      enginesNode: manifest.engines?.node ?? ""
    }))

/** The version of a dependency that is installed here for a package, so that a consumer gets the same. */
export const installedVersion = (folder: string, dependency: string): string =>
  [folder, root]
    .map((from) => join(from, "node_modules", dependency, "package.json"))
    .flatMap((file) => globSync(file))
    .map((file) => readManifest(file).version)[0] ?? "*"

const readManifest = (file: string) => JSON.parse(readFileSync(file, "utf8"))
