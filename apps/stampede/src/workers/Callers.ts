/**
 * The callers of one process: each starts at its time, asks for its key, and records how it was answered.
 */
import { setTimeout as pause } from "node:timers/promises"
import type { ParentChannel, WorkerConfig } from "../ipc/Messages.ts"
import { now } from "../recording/Clock.ts"
import type { CallerRecord } from "../recording/Recording.ts"
import type { Get } from "./Contender.ts"

/** Milliseconds between progress messages to the parent. */
const progressEvery = 50

/** The origin's failure as a typed error, as a fetcher of one's own would have. */
export class OriginDown extends Error {
  readonly _tag = "OriginDown"
  override readonly name = "OriginDown"
}

/** Runs all callers and adds their records. Settles when the last one has its answer. */
export const run = async (
  { callers, keys }: WorkerConfig,
  start: number,
  get: Get,
  channel: ParentChannel,
  records: Array<CallerRecord>
): Promise<void> => {
  const reportProgress = () =>
    channel.tell("progress", { answered: records.length, last: records.at(-1)?.end ?? start })
  const progress = setInterval(reportProgress, progressEvery)

  const call = async (key: number): Promise<void> => {
    const begin = now()
    try {
      const { how, value } = await get(keys[key]!)
      // A caller that loaded knows its own origin call. A follower's value names the leader's.
      const call = how === "led" || how === "uncached" || how === "alone" ? value.call : undefined
      records.push({ key, begin, end: now(), how, version: value.version, call })
    } catch (error) {
      records.push({ key, begin, end: now(), how: "failed", error: tagOf(error) })
    }
  }

  const waves = Map.groupBy(callers, ({ after }) => after)
  await Promise.all(
    [...waves].map(async ([after, wave]) => {
      await until(start + after)
      const begin = now()
      const calls = wave.map(({ key }) => call(key))
      channel.tell("began", { after, begin })
      await Promise.all(calls)
    })
  )
  clearInterval(progress)
  reportProgress()
}

/** Never resolves early, although a timer may fire up to a millisecond early. */
const until = async (instant: number): Promise<void> => {
  do await pause(Math.max(0, instant - now()))
  while (now() < instant)
}

const tagOf = (error: unknown): string => {
  if (typeof error === "object" && error !== null && "_tag" in error) return String(error._tag)
  return error instanceof Error ? error.name : typeof error
}
