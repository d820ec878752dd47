import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { AggregationTemporality, InMemoryMetricExporter } from "@opentelemetry/sdk-metrics"
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import { shop } from "../src/Shop.ts"
import * as Telemetry from "../src/Telemetry.ts"

/** Keeps its spans even after the shutdown. */
class KeptSpans implements SpanExporter {
  readonly spans: Array<ReadableSpan> = []

  export(spans: Array<ReadableSpan>, done: (result: { code: number }) => void): void {
    this.spans.push(...spans)
    done({ code: 0 })
  }

  async shutdown(): Promise<void> {}
}

describe("OpenTelemetry", () => {
  it("receives every load and every count", async () => {
    const spans = new KeptSpans()
    const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const stats = await Effect.runPromise(Effect.provide(shop, Telemetry.layer({ spans, metrics })))

    const loads = spans.spans.filter(({ name }) => name === "cache-locking.load")
    assert.strictEqual(loads.length, 5)
    assert.strictEqual(spans.spans.filter(({ name }) => name === "page").length, 114)
    assert.deepInclude(loads[0]!.attributes, {
      "cache_locking.key": "product:1",
      "cache_locking.adapter": "memory"
    })
    // A load is a child of the caller that began it.
    const parents = new Set(spans.spans.filter(({ name }) => name === "page").map((span) => span.spanContext().spanId))
    for (const { parentSpanContext } of loads) assert.isTrue(parents.has(parentSpanContext!.spanId))

    const exported = metrics
      .getMetrics()
      .at(-1)!
      .scopeMetrics.flatMap((scope) => scope.metrics)
    const pointsOf = (name: string) => {
      const found = exported.find(({ descriptor }) => descriptor.name === name)
      return found?.dataPoints.map((point) => [point.attributes, point.value])
    }
    const attributes = { cache: "products", adapter: "memory" }
    assert.deepStrictEqual(pointsOf("cache_locking_hits_total"), [[attributes, stats.hits]])
    assert.deepStrictEqual(pointsOf("cache_locking_misses_total"), [[attributes, stats.misses]])
    assert.deepStrictEqual(pointsOf("cache_locking_loads_total"), [[attributes, 5]])
    assert.deepStrictEqual(pointsOf("cache_locking_stampede_prevented_total"), [[attributes, 99]])
    assert.deepStrictEqual(pointsOf("cache_locking_errors_total"), [[{ ...attributes, kind: "LOAD_FAILED" }, 1]])
    assert.deepStrictEqual(pointsOf("cache_locking_evictions_total"), [[{ adapter: "memory" }, 2]])
    const durations = exported.find(({ descriptor }) => descriptor.name === "cache_locking_load_duration_milliseconds")!
    assert.strictEqual(durations.descriptor.unit, "ms")
    assert.strictEqual((durations.dataPoints[0]!.value as { readonly count: number }).count, 4)
  })

  it("is printed by the program itself", async () => {
    const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=cache-locking-source", main])
    for (const name of ["cache-locking.load", "cache_locking_hits_total", "cache_locking_load_duration_milliseconds"]) {
      assert.include(stdout, name)
    }
  })
})
