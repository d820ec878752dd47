/** A module and all it imports, as one that a Worker can run. */

export interface Options {
  readonly minify?: boolean
  /** The modules that stay imports. */
  readonly external?: Array<string>
}

/**
 * @param entry a file; or a text, whose own imports are those of a file beside that one
 * @throws what cannot be bundled: an import that only Node has, too
 */
export const bundle = async (
  entry: URL | { readonly text: string; readonly beside: string },
  options: Options = {}
): Promise<string> => {
  // Only for those who bundle: it is much to load.
  const { build } = await import("esbuild")
  const source =
    entry instanceof URL
      ? { entryPoints: [entry.pathname] }
      : { stdin: { contents: entry.text, resolveDir: entry.beside, loader: "ts" as const } }
  const { outputFiles } = await build({
    ...source,
    ...options,
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["cache-locking-source", "workerd", "worker", "browser", "import"],
    logLevel: "silent"
  })
  return outputFiles[0]!.text
}
