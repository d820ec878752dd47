/** For files of vitest: servers of a file end with the file, and those of a test end with the test. */
import { fileURLToPath } from "node:url"
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { runModule } from "./machine/ModuleProcess.ts"
import { orUnavailable, Unavailable } from "./machine/Problem.ts"
import { FaultProxy, type FaultProxyOptions } from "./proxy/FaultProxy.ts"

export { type BundleRow, bundleSizes, effectModules } from "./workers/BundleSizes.ts"

/** A server for a whole file. Where none is available, each test of the file is skipped with the reason. */
export const serverOfFile = async <S extends { readonly stop: () => Promise<void> }>(
  start: Promise<S>,
  prepare: (server: S) => Promise<unknown> = async () => {}
): Promise<S> => {
  const server = await orUnavailable(start)
  if (!(server instanceof Unavailable)) {
    afterAll(() => server.stop())
    await prepare(server)
    return server
  }
  beforeEach((context) => context.skip(server.message))
  return { kind: server.kind, url: "none://127.0.0.1:1", host: "127.0.0.1", port: 1 } as unknown as S
}

/**
 * Defines tests over a server of a file. Where none is available, it defines one test that is skipped with the reason.
 */
export const overServer = async <S extends { readonly stop: () => Promise<void> }>(
  start: Promise<S>,
  tests: (server: S) => void | Promise<void>
): Promise<void> => {
  const server = await orUnavailable(start)
  if (server instanceof Unavailable) describe(server.kind, () => it.skip(server.message))
  else {
    afterAll(() => server.stop())
    await tests(server)
  }
}

/** A server of a test's own. */
export const serverOfTest = async <S extends { readonly stop: () => Promise<void> }>(start: Promise<S>): Promise<S> => {
  const server = await start
  onTestFinished(() => server.stop())
  return server
}

/** A proxy between a test and a server. */
export const proxyTo = async (
  target: FaultProxyOptions["target"],
  reader?: FaultProxyOptions["reader"],
  rewrite?: FaultProxyOptions["rewrite"]
): Promise<FaultProxy> => {
  const proxy = await FaultProxy.start({ target, rewrite, ...(reader && { reader }) })
  onTestFinished(async () => {
    await proxy.heal()
    await proxy.stop()
  })
  return proxy
}

/** Expects of a module in a process of its own that it prints `done`, and ends soon by itself without a failure. */
export const expectToEnd = async (file: URL, ...args: ReadonlyArray<string>): Promise<void> => {
  const { child, ended, output } = runModule(fileURLToPath(file), args)
  let doneAt = Infinity
  child.stdout?.once("data", () => {
    doneAt = performance.now()
  })
  expect({ code: await ended, output: output() }).toEqual({ code: 0, output: "done\n" })
  // A client that was left open keeps its process alive for ten seconds and more.
  expect(performance.now() - doneAt).toBeLessThan(6_000)
}
