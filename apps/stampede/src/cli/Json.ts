/**
 * The outcome as JSON.
 */
import { role } from "../recording/Band.ts"
import { eventLog } from "../recording/EventLog.ts"
import type { Outcome } from "../run/Stampede.ts"

/** One document. Times are milliseconds; those of events are since the start of their run. */
export const json = ({ figures, findings, kept, recordings, settings, store }: Outcome): string =>
  JSON.stringify(
    {
      // JSON has no Infinity.
      settings: {
        ...settings,
        url: undefined,
        capacity: Number.isFinite(settings.capacity) ? settings.capacity : null
      },
      store,
      kept,
      findings,
      runs: recordings.map((recording, i) => ({
        ...figures[i],
        title: recording.title,
        processes: recording.processes.map((process) => ({
          pid: process.pid,
          role: role(recording, process),
          killed: process.killedAt !== undefined,
          commands: process.commands ?? null
        })),
        afterwards: recording.afterwards,
        events: eventLog(recording)
      }))
    },
    null,
    2
  )
