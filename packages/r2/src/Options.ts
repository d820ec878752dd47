/**
 * The adapter's options, checked once, and what adapters over one binding share.
 */
import { Check, Identity, ObjectStore } from "@cache-locking/core"
import type { Binding } from "./Binding.ts"

/** The settings of an adapter over R2, all but the bucket. */
export type Settings = ObjectStore.Settings

export interface Options extends Settings {
  /** The Worker's binding to a bucket: `env.CACHE`, an `R2Bucket`. */
  readonly bucket: Binding
}

const names = new Set(["bucket", "prefix", "inlineBytes", "pollEvery", "commandTimeout"])

const methods = ["get", "put", "delete", "list"] as const

/** The same objects of the same bucket. */
export interface Space {
  readonly prefix: string
}

const spacesOf = Identity.perObject((_: Binding) => Identity.perName((prefix): Space => ({ prefix })))

const bindingOf = (given: Binding): Binding => {
  const isBinding = (typeof given === "object" || typeof given === "function") && given !== null
  if (isBinding && methods.every((method) => typeof given[method] === "function")) return given
  throw Check.invalid("bucket", typeof given, "a Worker's binding to an R2 bucket, as env.CACHE")
}

/** The options, checked, with their defaults and what they share with others. */
export interface Resolved {
  readonly binding: Binding
  readonly prefix: string
  readonly inlineBytes: number
  readonly pollEvery: number
  readonly timeout: number
  /** The same object for the same binding and prefix. */
  readonly space: Space
}

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const resolve = (options: Options): Resolved => {
  Check.known(options, names)
  const binding = bindingOf(options.bucket)
  const settings = ObjectStore.checkSettings(options)
  return { ...settings, binding, space: spacesOf(binding)(settings.prefix) }
}
