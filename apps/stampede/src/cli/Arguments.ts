/**
 * The command line: its options, and the errors for arguments that cannot be used.
 */
import { accessSync, constants, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { Command, CommanderError, InvalidArgumentError, Option } from "commander"
import { scenario, scenarios } from "../scenarios/Scenarios.ts"
import type { Settings } from "../scenarios/Settings.ts"
import { store as storeNamed, storeOf, stores } from "../stores/Stores.ts"

/** Nothing is run: the message is the help text, or names the fault in the arguments. */
export class EarlyExit extends Error {
  override readonly name = "EarlyExit"
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

const refuse = (option: string, value: string, accepted: string): never => {
  throw new EarlyExit(`error: option '${option}' argument '${value}' is invalid. Accepted: ${accepted}`, 2)
}

const between =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`Accepted: a whole number from ${min} to ${max}.`)
  }

const units = { ms: 1, s: 1_000, m: 60_000 } as const

const duration =
  (min: number, max: number) =>
  (text: string): number => {
    const parts = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text)
    const value = parts === null ? Number.NaN : Number(parts[1]) * units[(parts[2] ?? "ms") as keyof typeof units]
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`Accepted: a duration from ${min}ms to ${max / 1000}s, such as 200ms or 1.5s.`)
  }

const maxKeys = 50

const keys = (text: string): ReadonlyArray<string> => {
  if (/^[-+]?\d+(\.\d+)?$/.test(text)) {
    const size = between(1, maxKeys)(text)
    return Array.from({ length: size }, (_, i) => `product:${i + 1}`)
  }
  const names = text.split(",").map((name) => name.trim())
  if (names.length <= maxKeys && names.every((name) => name !== "") && new Set(names).size === names.length)
    return names
  throw new InvalidArgumentError(
    `Accepted: a number from 1 to ${maxKeys}, or different names separated by commas, such as user:1,user:2.`
  )
}

const url = (text: string): URL => {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  if (parsed !== undefined && storeOf(parsed) !== undefined) return parsed
  const protocols = stores.flatMap(({ protocols }) => protocols.map((protocol) => `${protocol}//…`))
  throw new InvalidArgumentError(`Accepted: the URL of a store, ${protocols.join(", ")}`)
}

const reportFile = (text: string): string => {
  const path = resolve(text)
  if (!/\.(html|svg)$/.test(path)) throw new InvalidArgumentError("Accepted: a path that ends in .html or .svg.")
  try {
    if (!statSync(dirname(path)).isDirectory()) throw new Error("it is not a directory")
    accessSync(dirname(path), constants.W_OK)
  } catch {
    throw new InvalidArgumentError(`Accepted: a path in a writable directory; ${dirname(path)} is not one.`)
  }
  return path
}

const catalogue = (
  title: string,
  entries: ReadonlyArray<{ readonly name: string; readonly summary: string }>
): string => `\n${title}:\n${entries.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join("\n")}`

const command = (): Command =>
  new Command("stampede")
    .description("Many callers in many processes want one slow value at once, with and without leases.")
    .addOption(
      new Option("--scenario <name>", "the scenario").choices(scenarios.map(({ name }) => name)).default("cold")
    )
    .addOption(
      new Option("--store <name>", "the store that the processes share")
        .choices(stores.map(({ name }) => name))
        .default("memory")
    )
    .option("--url <url>", "the address of a store, instead of starting one", url)
    .option("--processes <n>", "the number of processes", between(1, 32), 4)
    .option("--callers <n>", "the number of callers in each process", between(1, 10_000), 250)
    .addOption(
      new Option("--keys <n|names>", "the number of hot keys, or their names")
        .argParser(keys)
        .default(["product:1"], "1")
    )
    .addOption(
      new Option("--load <duration>", "the duration of an origin call")
        .argParser(duration(10, 60_000))
        .default(200, "200ms")
    )
    .option(
      "--capacity <n>",
      "the number of calls that the origin serves at once; the others queue (default: all)",
      between(1, 1_000_000)
    )
    .option("--spread <duration>", "callers begin within this time (default: at once)", duration(0, 60_000))
    .option(
      "--lease <duration>",
      "the duration of a lease without renewal (default: 15s, with --kill 1s)",
      duration(50, 600_000)
    )
    .option("--kill", "kill the process that leads half-way through its load (scenario cold)")
    .option(
      "--swr <duration>",
      "the time for which a value may be served stale (scenario expiry; default: 30s)",
      duration(1_000, 3_600_000)
    )
    .option(
      "--cooldown <duration>",
      "the time after a failure in which nobody may try again (scenario failing; default: 500ms)",
      duration(50, 60_000)
    )
    .option(
      "--report <path>",
      "the file for the report: a page (.html) or the timeline alone (.svg)",
      reportFile,
      join(tmpdir(), "stampede-report.html")
    )
    .option("--no-report", "write no report")
    .option("--json", "print everything as JSON on standard output")
    .option("--check", "only the run with leases, and a check of its promises")
    .helpOption("-h, --help", "show this text")
    .addHelpText("after", catalogue("Scenarios", scenarios))
    .addHelpText("after", catalogue("Stores", stores))
    .addHelpText(
      "after",
      "\nExit code: 0, 1 if the run with leases broke a promise, 2 for arguments that cannot be used."
    )
    .allowExcessArguments(false)
    .exitOverride()

/** The options as they are parsed. Those with a default in Settings alone may be missing. */
type Raw = Pick<Settings, "scenario" | "store" | "processes" | "callers" | "keys" | "load"> &
  Partial<Pick<Settings, "capacity" | "spread" | "lease" | "kill" | "swr" | "cooldown" | "json" | "check">> & {
    readonly url?: URL
    readonly report: string | false
  }

type Environment = { readonly [name: string]: string | undefined }

/**
 * The settings that the arguments, those after the script's name, ask for.
 *
 * @throws EarlyExit for help, and for arguments that cannot be used
 */
export const parse = (argv: ReadonlyArray<string>, environment: Environment = process.env): Settings => {
  const stampede = command()
  let printed = ""
  const print = (text: string) => {
    printed += text
  }
  stampede.configureOutput({ writeOut: print, writeErr: print })
  try {
    stampede.parse([...argv], { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // A URL may contain a password.
    throw new EarlyExit(printed.trimEnd().replace(/\/\/[^@\s'/]*@/g, "//…@"), error.exitCode === 0 ? 0 : 2)
  }
  return settings(stampede, stampede.opts<Raw & Record<string, unknown>>(), environment)
}

const settings = (stampede: Command, raw: Raw, environment: Environment): Settings => {
  const given = (option: string): boolean => stampede.getOptionValueSource(option) === "cli"
  const { options } = scenario(raw.scenario)
  for (const option of ["kill", "spread", "swr", "cooldown"] as const) {
    if (given(option) && !options.includes(option)) {
      const takes = scenarios.filter(({ options }) => options.includes(option)).map(({ name }) => name)
      refuse("--scenario <name>", raw.scenario, `with --${option}, ${takes.join(" or ")}`)
    }
  }
  if (raw.kill && raw.processes < 2) refuse("--processes <n>", String(raw.processes), "with --kill, at least 2")
  if (raw.keys.length > raw.callers)
    refuse("--keys <n|names>", String(raw.keys.length), `at most one per caller, ${raw.callers}`)
  return {
    ...locate(raw, given("store"), environment),
    scenario: raw.scenario,
    processes: raw.processes,
    callers: raw.callers,
    keys: raw.keys,
    load: raw.load,
    capacity: raw.capacity ?? Number.POSITIVE_INFINITY,
    spread: raw.spread ?? 0,
    lease: raw.lease ?? (raw.kill ? 1_000 : 15_000),
    swr: raw.swr ?? 30_000,
    cooldown: raw.cooldown ?? 500,
    kill: raw.kill ?? false,
    report: raw.report === false || (!given("report") && (raw.json || raw.check)) ? undefined : raw.report,
    json: raw.json ?? false,
    check: raw.check ?? false
  }
}

/** The store and its address: a URL says both, an environment variable only the address. */
const locate = (raw: Raw, isChosen: boolean, environment: Environment): Pick<Settings, "store" | "url"> => {
  if (raw.url !== undefined) {
    const { name } = storeOf(raw.url)!
    if (isChosen && name !== raw.store)
      refuse("--url <url>", `${raw.url.protocol}//…`, `with --store ${raw.store}, ${accepted(raw.store)}`)
    return { store: name, url: raw.url.href }
  }
  const { variable } = storeNamed(raw.store)
  const url = variable === undefined ? undefined : environment[variable] || undefined
  if (url !== undefined && !URL.canParse(url)) {
    throw new EarlyExit(`error: environment variable '${variable}' is not a URL. Accepted: ${accepted(raw.store)}`, 2)
  }
  return { store: raw.store, url }
}

const accepted = (name: string): string => {
  const { protocols } = storeNamed(name)
  return protocols.length === 0 ? "no URL" : protocols.map((protocol) => `${protocol}//…`).join(" or ")
}
