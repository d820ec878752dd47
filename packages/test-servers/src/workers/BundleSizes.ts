/** The size of a Worker: bundled without Node's modules, minified, gzipped, and as large as a README says. */
import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { expect, it } from "vitest"
import { bundle } from "./WorkersBundle.ts"

/** The modules that a bundle without Effect leaves out. */
export const effectModules = ["effect", "effect/*"]

export interface BundleRow {
  /** The first words of the row in the README's table that has the sizes in kB. */
  readonly row: string
  /** A module, as text beside the test file. */
  readonly entry: string
  /**
   * A bundle for each size of the row. It may have at most `most` bytes, and differ from the README by at most `off` kB
   * (3).
   */
  readonly sizes: ReadonlyArray<{ readonly most: number; readonly off?: number; readonly external?: Array<string> }>
}

/** A test for each row: the bundle is within the bounds, and as the README says. */
export const bundleSizes = (beside: string, rows: ReadonlyArray<BundleRow>): void => {
  const readme = readFileSync(`${beside}/../README.md`, "utf8").split("\n")
  for (const { entry, row, sizes } of rows) {
    it(`${row}: within the bounds, and as the README says`, async () => {
      const told = [...readme.find((line) => line.startsWith(`| ${row}`))!.matchAll(/(\d+(?:\.\d+)?) kB/g)]
      for (const [index, { external = [], most, off = 3 }] of sizes.entries()) {
        const size = gzipSync(await bundle({ text: entry, beside }, { minify: true, external }), { level: 9 }).length
        console.info(`${row}: ${size} bytes${external.length > 0 ? ` without ${external.join()}` : ""}`)
        expect(size).toBeLessThan(most)
        expect(Math.abs(size / 1000 - Number(told[index]![1]))).toBeLessThan(off)
      }
    })
  }
}
