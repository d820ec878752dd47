/**
 * OpenTelemetry for an Effect program.
 */
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics"
import { SimpleSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base"

/** For a collector, use the exporters of `@opentelemetry/exporter-trace-otlp-http` and `…-metrics-…`. */
export interface Exporters {
  readonly spans: SpanExporter
  readonly metrics: PushMetricExporter
}

/** Provide it once, around the whole program: it exports the spans and metrics of every cache in it. */
export const layer = ({ metrics, spans }: Exporters) =>
  NodeSdk.layer(() => ({
    resource: { serviceName: "shop" },
    // One by one, because this program is short. Use `BatchSpanProcessor` in a server.
    spanProcessor: new SimpleSpanProcessor(spans),
    metricReader: new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 10_000 })
  }))
