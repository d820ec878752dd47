import type { Backend } from "../backends/Backend.ts"
import { backends } from "../backends/Backends.ts"
import type { Probe, Setting, Suite } from "../Suite.ts"
import { targetOf } from "./BackendCrowd.ts"
import { bounds, metrics, openFleet } from "./FleetCrowd.ts"

const open = (backend: Backend, { backends, quick }: Setting): Promise<Probe> => {
  const straight = backends![backend.name]!
  return openFleet(
    {
      ...targetOf(backend, straight),
      counts: backend.counts,
      order: (proxy) => ({ backend: backend.name, url: proxy?.url() ?? straight, bounds })
    },
    quick
  )
}

export const BackendStampede: Suite = {
  name: "backend-stampede",
  title: "4 processes × 250 callers on one cold key, in every backend",
  about:
    "A load of 200 ms, as over Redis above. Where a backend cannot wake followers, the wait beyond the load is the rest of the last polling delay; " +
    "_commands_ includes the polls.",
  isolated: false,
  rounds: 7,
  metrics,
  contenders: backends.map((backend) => ({
    name: backend.name,
    packages: backend.packages,
    ours: true,
    backend: backend.name,
    open: (setting) => open(backend, setting)
  })),
  verdict: ({ max, ours }) => {
    const most = Math.max(...ours.map((name) => max(name, "most")))
    return [`No process sends more than ${most} requests for its 250 callers, in any backend.`]
  },
  targets: [
    {
      text: "exactly one load, in every backend",
      met: ({ max, ours }) => ours.every((name) => max(name, "loads") === 1)
    }
  ]
}
