/**
 * OpenTelemetry for an Effect program: where its spans and metrics go.
 */
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics"
import { SimpleSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base"

/** What takes them. For a collector, give the exporters of `@opentelemetry/exporter-trace-otlp-http` and `…-metrics-…`. */
export interface Exporters {
  readonly spans: SpanExporter
  readonly metrics: PushMetricExporter
}

/** Provide it once, around the whole program: spans and metrics of every cache in it go there. */
export const layer = ({ metrics, spans }: Exporters) =>
  NodeSdk.layer(() => ({
    resource: { serviceName: "shop" },
    // One by one, for this program is short; `BatchSpanProcessor` is for those that are not.
    spanProcessor: new SimpleSpanProcessor(spans),
    metricReader: new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 10_000 })
  }))
