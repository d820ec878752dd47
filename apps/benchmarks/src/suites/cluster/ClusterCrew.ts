/** A primary that has the values, and workers that ask for them. */
import type { ClusterPeer, Place, Store } from "../../peers/ClusterPeer.ts"
import { launch, type Serialization } from "../../processes/Crew.ts"
import type { Probe, Setting } from "../../Suite.ts"
import { fill, keysOf, together } from "../../work/ClusterWork.ts"
import { stamp } from "../../work/Crowd.ts"

interface Variant {
  /** Default: `advanced`. */
  readonly serialization?: Serialization
  /** Near copies that a worker may keep. Default: none. */
  readonly near?: number
}

/** A namespace of its own in a run, without near copies, which are for workers. */
export const placeOf = ({ backends }: Setting, maxEntries: number): Place => ({
  namespace: `cluster-${stamp()}`,
  maxEntries,
  redis: backends?.["Redis"]
})

/** The primary's side, opened before workers are forked. Only here do values outlive the store that wrote them. */
export const openPrimary = async (
  peer: ClusterPeer,
  place: Place
): Promise<{ readonly store: Store; readonly close: () => Promise<void> }> => {
  await peer.prepare?.()
  const store = await peer.open(place)
  const close = async () => {
    await store.clear()
    await store.close()
  }
  return { store, close }
}

/** One worker that measures, of a primary with nothing else to do. */
export const oneWorker =
  (work: "gets" | "hot", { near, serialization = "advanced" }: Variant) =>
  async (peer: ClusterPeer, setting: Setting, who: string): Promise<Probe> => {
    const place = placeOf(setting, 10_000)
    const { close, store } = await openPrimary(peer, place)
    try {
      if (peer.keeps !== "process") await fill(store, keysOf(together))
      const order = { peer: peer.name, place: { ...place, near }, work, entries: together, quick: setting.quick, who }
      const [worker] = await launch(order, { serialization, size: 1 })
      return {
        sample: worker!.sample,
        close: async () => {
          await worker!.close()
          await close()
        }
      }
    } catch (error) {
      await close()
      throw error
    }
  }
