/** A module and all its imports, as one module that a Worker can run. */

export interface Options {
  readonly minify?: boolean
  /** The modules that are left as imports. */
  readonly external?: Array<string>
}

/**
 * @param entry a file; or a text, whose imports are resolved from a file beside that one
 * @throws for an import that cannot be bundled, such as a module that only Node has
 */
export const bundle = async (
  entry: URL | { readonly text: string; readonly beside: string },
  options: Options = {}
): Promise<string> => {
  // Loaded only when a bundle is made, because it is large.
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
