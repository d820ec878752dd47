export { type D1Cost, metered } from "./workers/D1Meter.ts"
