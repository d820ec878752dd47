// node ab.ts module name,name,... : each exported variant in a process of its own, asked in turn
import { fork } from "node:child_process"
const [mod, names, roundsText] = process.argv.slice(2)
if (process.send) {
  const { variants } = await import(`./${mod}`)
  const run = await variants[names!]()
  let n = 1000
  const time = async (n: number) => { const t = process.hrtime.bigint(); await run(n); return Number(process.hrtime.bigint() - t) / n }
  for (let i = 0; i < 12; i++) await time(Math.max(1000, 30e6 / (await time(1000))) | 0)
  n = Math.ceil(30e6 / (await time(10_000)))
  process.on("message", async () => process.send!(await time(n)))
  process.send("ready")
} else {
  const kids = await Promise.all(names!.split(",").map(async (name) => {
    const k = fork(import.meta.filename, [mod!, name], { execArgv: ["--conditions=cache-locking-source", "--expose-gc"] })
    await new Promise((r) => k.once("message", r))
    return { name, k, out: [] as number[] }
  }))
  for (let r = 0; r < Number(roundsText ?? 25); r++) for (const kid of kids) { kid.k.send(0); kid.out.push(await new Promise<number>((r) => kid.k.once("message", r as any))) }
  const med = (x: number[]) => x.toSorted((a, b) => a - b)
  for (const { name, out, k } of kids) { const s = med(out); console.log(name.padEnd(18), "min", s[0]!.toFixed(0).padStart(5), "median", s[s.length >> 1]!.toFixed(0).padStart(5), "iqr", s[s.length >> 2]!.toFixed(0), s[(s.length * 3) >> 2]!.toFixed(0), " /first", med(out.map((x, i) => x / kids[0]!.out[i]!))[s.length >> 1]!.toFixed(2)); k.disconnect() }
}
