export { setup } from "../../src/MemcachedSetup.ts"
