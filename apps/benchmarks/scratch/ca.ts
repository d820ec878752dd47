import { Cacheable, createKeyv } from "cacheable"
const loop = (get: () => Promise<any>) => async (n: number) => { let v; for (let i = 0; i < n; i++) v = await get(); return v }
const load = async () => "v"
export const variants: any = {
  default: async () => { const c = new Cacheable(); return loop(() => c.getOrSet("k", load, { ttl: 3600_000 })) },
  defaultTtl: async () => { const c = new Cacheable({ ttl: 3600_000 }); return loop(() => c.getOrSet("k", load)) },
  lru: async () => { const c = new Cacheable({ primary: createKeyv({ lruSize: 10000 }) }); return loop(() => c.getOrSet("k", load, { ttl: 3600_000 })) },
}
