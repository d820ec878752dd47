import { ConsoleMetricExporter } from "@opentelemetry/sdk-metrics"
import { ConsoleSpanExporter } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import { shop } from "./Shop.ts"
import * as Telemetry from "./Telemetry.ts"

const telemetry = Telemetry.layer({ spans: new ConsoleSpanExporter(), metrics: new ConsoleMetricExporter() })

const stats = await Effect.runPromise(Effect.provide(shop, telemetry))

console.log("cache.stats()", stats)
