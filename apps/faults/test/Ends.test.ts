/**
 * A process ends when its script does: nothing that nobody awaits keeps it alive, and whatever a caller awaits does. Over
 * each store, in processes of their own.
 */

import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Unavailable } from "@cache-locking/test-servers"
import { afterAll, describe, expect, it } from "vitest"
import type { Opened } from "../src/backends/Backend.ts"
import { backendOf, names } from "../src/backends/Backends.ts"

const script = fileURLToPath(new URL("./support/Ends.ts", import.meta.url))

/** Milliseconds that a process may take to end after its last line, on a slow machine. No lease here ends as soon. */
const patience = 4_000

const stories: ReadonlyArray<readonly [story: string, found: unknown]> = [
  ["forgotten", "begun"],
  ["refresh", "STALE"],
  ["leader", "loaded"],
  ["follower", "taken over"],
  ["cooling", "after the cooldown"],
  ["limit", "FETCH_TIMEOUT"],
  ["joined", "WAIT_TIMEOUT"],
  ["closed", { call: "CACHE_CLOSED", lease: false, timers: [] }]
]

const ended = (child: ChildProcess): Promise<{ code: number | null; output: string; at: number }> => {
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk))
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output, at: Date.now() })))
}

describe.each(["memory", ...names])("%s", (name) => {
  let opening: Promise<Opened> | undefined

  afterAll(async () => {
    await opening?.then(
      (opened) => opened.close(),
      () => {}
    )
  })

  it.for(stories)("%s", async ([story, expected], context) => {
    if (name !== "memory") opening ??= backendOf(name).then((backend) => backend.open())
    const opened = await opening?.catch((error: unknown) => {
      if (error instanceof Unavailable) return error
      throw error
    })
    if (opened instanceof Unavailable) return context.skip(opened.message)
    const url = opened?.target?.url ?? "none:"
    const args = [name, url, `ends-${story}`, story]
    const child =
      opened?.fork === undefined
        ? spawn(process.execPath, [...process.execArgv, script, ...args], { stdio: ["ignore", "pipe", "pipe"] })
        : opened.fork(script, { ...process.env, ENDS: JSON.stringify(args) })
    const { at, code, output } = await ended(child)
    expect({ code, output: output.replace(/,"done":\d+/, "") }).toEqual({
      code: 0,
      output: `${JSON.stringify({ found: expected })}\n`
    })
    const { done } = JSON.parse(output) as { readonly done: number }
    expect(at - done).toBeLessThan(patience)
  })
})
