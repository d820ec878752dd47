/** The setups that there are: the folders under `setups/`, and nothing else. */
import { readdirSync } from "node:fs"
import type { AdapterSetup } from "./AdapterSetup.ts"

const folder = new URL("../setups/", import.meta.url)

/** Their names, in the order of the alphabet. */
export const names = (): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    .sort()

/** The setup of a folder. */
export const load = async (name: string): Promise<AdapterSetup> => {
  const module: { readonly setup?: AdapterSetup } = await import(new URL(`${name}/setup.ts`, folder).href)
  if (module.setup === undefined) throw new Error(`setups/${name}/setup.ts exports no \`setup\``)
  return module.setup
}
