import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { AggregationTemporality, InMemoryMetricExporter } from "@opentelemetry/sdk-metrics"
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import { shop } from "../src/Shop.ts"
import * as Telemetry from "../src/Telemetry.ts"

/** Keeps what it is given, also when it is shut down. */
class Kept implements SpanExporter {
  readonly spans: Array<ReadableSpan> = []

  export(spans: Array<ReadableSpan>, done: (result: { code: number }) => void): void {
    this.spans.push(...spans)
    done({ code: 0 })
  }

  async shutdown(): Promise<void> {}
}

describe("OpenTelemetry", () => {
  it("is told every load and every count", async () => {
    const spans = new Kept()
    const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const stats = await Effect.runPromise(Effect.provide(shop, Telemetry.layer({ spans, metrics })))

    const loads = spans.spans.filter(({ name }) => name === "cache-locking.load")
    assert.strictEqual(loads.length, 5)
    assert.strictEqual(spans.spans.filter(({ name }) => name === "page").length, 114)
    assert.deepInclude(loads[0]!.attributes, {
      "cache_locking.key": "product:1",
      "cache_locking.adapter": "memory"
    })
    // A load is a child of the caller whose flight it was.
    const parents = new Set(spans.spans.filter(({ name }) => name === "page").map((span) => span.spanContext().spanId))
    for (const { parentSpanContext } of loads) assert.isTrue(parents.has(parentSpanContext!.spanId))

    const told = metrics
      .getMetrics()
      .at(-1)!
      .scopeMetrics.flatMap((scope) => scope.metrics)
    const about = (name: string) => {
      const found = told.find(({ descriptor }) => descriptor.name === name)
      return found?.dataPoints.map(({ attributes, value }) => [attributes, value])
    }
    const mine = { cache: "products", adapter: "memory" }
    assert.deepStrictEqual(about("cache_locking_hits_total"), [[mine, stats.hits]])
    assert.deepStrictEqual(about("cache_locking_misses_total"), [[mine, stats.misses]])
    assert.deepStrictEqual(about("cache_locking_loads_total"), [[mine, 5]])
    assert.deepStrictEqual(about("cache_locking_stampede_prevented_total"), [[mine, 99]])
    assert.deepStrictEqual(about("cache_locking_errors_total"), [[{ ...mine, kind: "LOAD_FAILED" }, 1]])
    assert.deepStrictEqual(about("cache_locking_evictions_total"), [[{ adapter: "memory" }, 2]])
    const durations = told.find(({ descriptor }) => descriptor.name === "cache_locking_load_duration_milliseconds")!
    assert.strictEqual(durations.descriptor.unit, "ms")
    assert.strictEqual((durations.dataPoints[0]!.value as { readonly count: number }).count, 4)
  })

  it("is shown by the program itself", async () => {
    const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=cache-locking-source", main])
    for (const name of ["cache-locking.load", "cache_locking_hits_total", "cache_locking_load_duration_milliseconds"]) {
      assert.include(stdout, name)
    }
  })
})
