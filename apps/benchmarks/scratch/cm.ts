import { createCache } from "cache-manager"
import { CacheableMemory, Keyv } from "cacheable"
import { Keyv as K2 } from "keyv"
import { LRUCache } from "lru-cache"
const loop = (get: () => Promise<any>) => async (n: number) => { let v; for (let i = 0; i < n; i++) v = await get(); return v }
const load = async () => "v"
const over = (stores: any) => { const c = createCache(stores); return loop(() => c.wrap("k", load, 3600_000)) }
export const variants: any = {
  default: async () => over({}),
  keyv: async () => over({ stores: [new K2()] }),
  cm: async () => over({ stores: [new Keyv({ store: new CacheableMemory({ lruSize: 10000 }) })] }),
  cmNoLru: async () => over({ stores: [new Keyv({ store: new CacheableMemory() })] })
}
