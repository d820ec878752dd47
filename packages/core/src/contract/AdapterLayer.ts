/**
 * Adapters as layers, for the `layer` of every adapter package.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Adapter, ListingAdapter } from "./Adapter.ts"

const closing = <A extends Adapter, E, R>(make: Effect.Effect<A, E, R>) =>
  Effect.tap(make, ({ close }) => (close === undefined ? Effect.void : Effect.addFinalizer(() => close)))

/** An adapter as a layer. Closing the layer closes what the adapter opened, and what `make` opened in its scope. */
export const make = <E, R>(make: Effect.Effect<Adapter, E, R>): Layer.Layer<Adapter, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(Adapter, closing(make))

/** The same for an adapter that can list its keys. The layer provides both services. */
export const listing = <E, R>(
  make: Effect.Effect<ListingAdapter, E, R>
): Layer.Layer<Adapter | ListingAdapter, E, Exclude<R, Scope.Scope>> =>
  Layer.effectContext(
    Effect.map(closing(make), (adapter) => Context.make(Adapter, adapter).pipe(Context.add(ListingAdapter, adapter)))
  )

/** A layer of an adapter that exists already. It provides both services if the adapter can list its keys. */
export const of: {
  (adapter: ListingAdapter): Layer.Layer<Adapter | ListingAdapter>
  (adapter: Adapter): Layer.Layer<Adapter>
} = (adapter: Adapter) => (adapter.keys === undefined ? make : listing)(Effect.succeed(adapter as ListingAdapter))
