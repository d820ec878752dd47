/**
 * The adapter's options, checked once, and what adapters over one binding share.
 */
import { Check, ObjectStore } from "@cache-locking/core"
import type * as Duration from "effect/Duration"
import type { Binding } from "./Binding.ts"

/** What every adapter over R2 can be told. */
export interface Settings {
  /**
   * The folder of this cache's objects: letters, digits and `-_.!*'()`, folders parted by `/`, 100 characters at most.
   * Two prefixes never meet. Default `"cache"`.
   */
  readonly prefix?: string | undefined
  /**
   * Values of up to so many bytes, as they are stored, are kept beside their lease: one read for a hit. Larger ones
   * take two. Default 65,536; 1 MiB at most.
   */
  readonly inlineBytes?: number | undefined
  /**
   * The delay from which followers begin to poll, where `waitStep` is shorter: each time is a read that is billed.
   * Default 250 ms.
   */
  readonly pollEvery?: Duration.Input | undefined
  /** How long any call of the binding may take; a second more for each MiB of a value. Default 5 seconds. */
  readonly requestTimeout?: Duration.Input | undefined
}

export interface Options extends Settings {
  /** The Worker's binding to a bucket: `env.CACHE`, an `R2Bucket`. */
  readonly bucket: Binding
}

const names = new Set(["bucket", "prefix", "inlineBytes", "pollEvery", "requestTimeout"])

const methods = ["get", "put", "delete", "list"] as const

const timeoutDefault = 5_000

const pollDefault = 250

const inlineDefault = 65_536

const inlineMost = 1_048_576

/** The same objects of the same bucket. */
export interface Space {
  readonly prefix: string
}

const bindings = new WeakMap<object, Map<string, Space>>()

const spaceOf = (binding: Binding, prefix: string): Space => {
  const spaces = bindings.get(binding) ?? new Map<string, Space>()
  bindings.set(binding, spaces)
  const space = spaces.get(prefix) ?? { prefix }
  spaces.set(prefix, space)
  return space
}

const bindingOf = (given: Binding): Binding => {
  const isBinding = (typeof given === "object" || typeof given === "function") && given !== null
  if (isBinding && methods.every((method) => typeof given[method] === "function")) return given
  throw Check.invalid("bucket", typeof given, "a Worker's binding to an R2 bucket, as env.CACHE")
}

const prefixOf = (given: string | undefined): string => {
  const prefix = Check.text("prefix", given, "cache")
  if (ObjectStore.isPrefix(prefix)) return prefix
  throw Check.invalid(
    "prefix",
    prefix,
    `letters, digits and -_.!*'(), folders parted by one /, none that begins with a dot, ${ObjectStore.prefixBytes} characters at most`
  )
}

const inlineOf = (given: number | undefined): number => {
  const bytes = Check.integer("inlineBytes", given, { min: 0, default: inlineDefault })
  if (bytes <= inlineMost) return bytes
  throw Check.invalid("inlineBytes", bytes, `a whole number from 0 to ${inlineMost}`)
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

/** Checks the settings that need no binding. */
export const checkSettings = (settings: Settings) => ({
  prefix: prefixOf(settings.prefix),
  inlineBytes: inlineOf(settings.inlineBytes),
  pollEvery: Check.duration("pollEvery", settings.pollEvery ?? pollDefault, { infinite: false }),
  timeout: Check.duration("requestTimeout", settings.requestTimeout ?? timeoutDefault, { min: 1, infinite: false })
})

/**
 * Checks the options.
 *
 * @throws InvalidOption
 */
export const resolve = (options: Options): Resolved => {
  Check.known(options, names)
  const binding = bindingOf(options.bucket)
  const settings = checkSettings(options)
  return { ...settings, binding, space: spaceOf(binding, settings.prefix) }
}
