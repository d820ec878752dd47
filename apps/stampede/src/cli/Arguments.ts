/**
 * The command line: what may be asked for, and what is said to who asks for something else.
 */
import { accessSync, constants, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { Command, CommanderError, InvalidArgumentError, Option } from "commander"
import { scenario, scenarios } from "../scenarios/Scenarios.ts"
import type { Settings } from "../scenarios/Settings.ts"
import { store as storeNamed, storeOf, stores } from "../stores/Stores.ts"

/** The arguments are answered without a run: help, or a problem. */
export class Answered extends Error {
  override readonly name = "Answered"
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

const refuse = (option: string, value: string, accepted: string): never => {
  throw new Answered(`error: option '${option}' argument '${value}' is invalid. Accepted: ${accepted}`, 2)
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
    `Accepted: how many, from 1 to ${maxKeys}, or different names separated by commas, such as user:1,user:2.`
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
    throw new InvalidArgumentError(`Accepted: a path in a directory that can be written to; ${dirname(path)} is none.`)
  }
  return path
}

const catalogue = (
  title: string,
  entries: ReadonlyArray<{ readonly name: string; readonly summary: string }>
): string => `\n${title}:\n${entries.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join("\n")}`

const command = (): Command =>
  new Command("stampede")
    .description("Many callers in many processes want one slow value at once: with and without leases, on screen.")
    .addOption(
      new Option("--scenario <name>", "what happens").choices(scenarios.map(({ name }) => name)).default("cold")
    )
    .addOption(
      new Option("--store <name>", "what they share").choices(stores.map(({ name }) => name)).default("memory")
    )
    .addOption(new Option("--url <url>", "where the store is, instead of starting one").argParser(url))
    .addOption(new Option("--processes <n>", "how many processes").argParser(between(1, 32)).default(4))
    .addOption(
      new Option("--callers <n>", "how many callers in each process").argParser(between(1, 10_000)).default(250)
    )
    .addOption(
      new Option("--keys <n|names>", "how many hot keys, or their names").argParser(keys).default(["product:1"], "1")
    )
    .addOption(
      new Option("--load <duration>", "how long the origin takes").argParser(duration(10, 60_000)).default(200, "200ms")
    )
    .addOption(
      new Option(
        "--capacity <n>",
        "how many calls the origin serves at once; the others queue (default: all)"
      ).argParser(between(1, 1_000_000))
    )
    .addOption(
      new Option("--spread <duration>", "callers set out within this time (default: at once)").argParser(
        duration(0, 60_000)
      )
    )
    .addOption(
      new Option(
        "--lease <duration>",
        "how long a lease lasts unless renewed (default: 15s, with --kill 1s)"
      ).argParser(duration(50, 600_000))
    )
    .option("--kill", "kill the process that leads half-way through its load (scenario cold)")
    .addOption(
      new Option("--swr <duration>", "how long a value may be served stale (scenario expiry; default: 30s)").argParser(
        duration(1_000, 3_600_000)
      )
    )
    .addOption(
      new Option(
        "--cooldown <duration>",
        "no new try so long after a failure (scenario failing; default: 500ms)"
      ).argParser(duration(50, 60_000))
    )
    .addOption(
      new Option("--report <path>", "where the picture goes: a page (.html) or the picture alone (.svg)")
        .argParser(reportFile)
        .default(join(tmpdir(), "stampede-report.html"))
    )
    .option("--no-report", "draw no picture")
    .option("--json", "everything as JSON on standard output")
    .option("--check", "only the run with leases, and whether it kept its promises")
    .helpOption("-h, --help", "this text")
    .addHelpText("after", catalogue("Scenarios", scenarios))
    .addHelpText("after", catalogue("Stores", stores))
    .addHelpText(
      "after",
      "\nExit code: 0, 1 if the run with leases broke a promise, 2 for arguments that cannot be used."
    )
    .allowExcessArguments(false)
    .exitOverride()

interface Raw {
  readonly scenario: string
  readonly store: string
  readonly url: URL | undefined
  readonly processes: number
  readonly callers: number
  readonly keys: ReadonlyArray<string>
  readonly load: number
  readonly capacity: number | undefined
  readonly spread: number | undefined
  readonly lease: number | undefined
  readonly kill: boolean | undefined
  readonly swr: number | undefined
  readonly cooldown: number | undefined
  readonly report: string | false
  readonly json: boolean | undefined
  readonly check: boolean | undefined
}

/**
 * What the arguments, those after the script's name, ask for.
 *
 * @throws Answered for help, and for what cannot be done
 */
export const parse = (
  argv: ReadonlyArray<string>,
  environment: { readonly [name: string]: string | undefined } = process.env
): Settings => {
  const stampede = command()
  let printed = ""
  stampede.configureOutput({
    writeOut: (text) => {
      printed += text
    },
    writeErr: (text) => {
      printed += text
    }
  })
  try {
    stampede.parse([...argv], { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // A URL may hold a password.
    throw new Answered(printed.trimEnd().replace(/\/\/[^@\s'/]*@/g, "//…@"), error.exitCode === 0 ? 0 : 2)
  }
  return settings(stampede, stampede.opts<Raw & Record<string, unknown>>(), environment)
}

const settings = (
  stampede: Command,
  raw: Raw,
  environment: { readonly [name: string]: string | undefined }
): Settings => {
  const given = (option: string): boolean => stampede.getOptionValueSource(option) === "cli"
  const story = scenario(raw.scenario)
  for (const option of ["kill", "spread", "swr", "cooldown"] as const) {
    if (given(option) && !story.options.includes(option)) {
      const takes = scenarios.filter(({ options }) => options.includes(option)).map(({ name }) => name)
      refuse("--scenario <name>", raw.scenario, `with --${option}, ${takes.join(" or ")}`)
    }
  }
  if (raw.kill && raw.processes < 2) refuse("--processes <n>", String(raw.processes), "with --kill, at least 2")
  if (raw.keys.length > raw.callers)
    refuse("--keys <n|names>", String(raw.keys.length), `at most one per caller, ${raw.callers}`)
  const { store, address } = place(raw, given("store"), environment)
  return {
    scenario: raw.scenario,
    store,
    url: address,
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

/** Which store, and where: a URL says both, an environment variable only where. */
const place = (
  raw: Raw,
  chosen: boolean,
  environment: { readonly [name: string]: string | undefined }
): { readonly store: string; readonly address: string | undefined } => {
  if (raw.url !== undefined) {
    const { name } = storeOf(raw.url)!
    if (chosen && name !== raw.store)
      refuse("--url <url>", `${raw.url.protocol}//…`, `with --store ${raw.store}, ${accepted(raw.store)}`)
    return { store: name, address: raw.url.href }
  }
  const { variable } = storeNamed(raw.store)
  const address = variable === undefined ? undefined : environment[variable] || undefined
  if (address !== undefined && !URL.canParse(address)) {
    throw new Answered(`error: environment variable '${variable}' is not a URL. Accepted: ${accepted(raw.store)}`, 2)
  }
  return { store: raw.store, address }
}

const accepted = (name: string): string => {
  const { protocols } = storeNamed(name)
  return protocols.length === 0 ? "no URL" : protocols.map((protocol) => `${protocol}//…`).join(" or ")
}
