/**
 * The styles of the report, in light and in dark.
 */

const light = `
  --page: #f4f2ee; --paper: #fffefb; --band: #f1efe9; --ink: #1c2027; --muted: #5b6270; --grid: #dedad1; --rule: #e4e0d7;
  --load: #c44f10; --on-load: #fffaf5; --wait: #b3caef; --on-wait: #1d3661; --done: #17824b; --error: #c0213a;
  --lease: #6a3fc0; --shade: #c9c3b6;`

const dark = `
  --page: #121419; --paper: #1a1d24; --band: #22262f; --ink: #e9ebf0; --muted: #a0a8b6; --grid: #323844; --rule: #2b303a;
  --load: #f08a45; --on-load: #241003; --wait: #34507e; --on-wait: #dce8fb; --done: #4cc787; --error: #ff7583;
  --lease: #b79bf7; --shade: #4a5160;`

/** The colours, as variables. */
export const colours = `:root { color-scheme: light dark;${light}
}
@media (prefers-color-scheme: dark) { :root {${dark}
} }`

const fonts = `system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif`

/** The picture's own styles. */
export const picture = `
.picture { font-family: ${fonts}; font-size: 12px; }
.picture text { fill: var(--ink); }
.picture .title { font-size: 17px; font-weight: 650; }
.picture .about, .picture .tick, .picture .role { fill: var(--muted); }
.picture .count { font-size: 17px; font-weight: 700; fill: var(--load); }
.picture .name { font-size: 13px; }
.picture .role.lead { fill: var(--load); font-weight: 600; }
.picture .role.killed, .picture .killed { fill: var(--error); font-weight: 700; }
.picture .role.takeover, .picture .lease-text { fill: var(--lease); font-weight: 600; }
.picture .band { fill: var(--band); }
.picture .grid { stroke: var(--grid); stroke-width: 1; }
.picture .load { fill: var(--load); }
.picture .load.lost { fill: url(#lost); }
.picture .many { fill: url(#many); }
.picture .many-line { stroke: var(--paper); stroke-width: .7; opacity: .55; }
.picture .lost-line { stroke: var(--load); stroke-width: 4; }
.picture .wait { fill: var(--wait); }
.picture .wait.died { opacity: .55; }
.picture .on-load { fill: var(--on-load); font-weight: 600; }
.picture .on-wait { fill: var(--on-wait); }
.picture .edge { fill: none; stroke: var(--done); stroke-width: 2.5; }
.picture .edge.failed { stroke: var(--error); }
.picture .edge.died { stroke: var(--shade); }
.picture .lease { stroke: var(--lease); stroke-width: 2.5; fill: none; }
.picture .lease.after { stroke-dasharray: 5 4; }
.picture .arrow { stroke: var(--lease); stroke-width: 1.8; fill: none; }
.picture .arrow-head { fill: var(--lease); }
.picture .cooling { fill: url(#cooling); }
.picture .cooling-line { stroke: var(--error); stroke-width: 1; opacity: .45; }
.picture .cross { stroke: var(--error); stroke-width: 3; stroke-linecap: round; }
.picture .cross-back { fill: var(--paper); stroke: var(--error); stroke-width: 1.5; }
.picture .event { stroke: var(--error); stroke-width: 1.5; stroke-dasharray: 3 3; }
.picture .event-text { fill: var(--error); font-weight: 600; }
.picture .woken { fill: var(--lease); }
.picture .asks { fill: var(--lease); opacity: .55; }
.picture .halo { paint-order: stroke; stroke: var(--band); stroke-width: 5px; stroke-linejoin: round; }
.picture .fills { fill: var(--done); }
`

/** The page around it. */
export const page = `
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 ${fonts}; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -.01em; }
h2 { font-size: 20px; margin: 44px 0 10px; }
p { margin: 6px 0; max-width: 76ch; }
.muted, figcaption { color: var(--muted); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 16px; margin: 26px 0 8px; }
.card { background: var(--paper); border: 1px solid var(--rule); border-radius: 12px; padding: 16px 18px; }
.card h3 { margin: 0; font-size: 14px; font-weight: 600; }
.card .number { font-size: 46px; line-height: 1.1; font-weight: 720; letter-spacing: -.02em; font-variant-numeric: tabular-nums; margin: 6px 0 0; }
.card .unit { margin: 0; font-weight: 600; }
.card .more { margin: 8px 0 0; font-size: 14px; color: var(--muted); }
.card.best { border: 2px solid var(--done); padding: 15px 17px; }
.card.best .number { color: var(--done); }
.findings { list-style: none; padding: 0; margin: 18px 0 0; }
.findings li { padding-left: 28px; position: relative; }
.findings li::before { position: absolute; left: 2px; font-weight: 700; }
.findings .kept::before { content: "✓"; color: var(--done); }
.findings .broken::before { content: "✗"; color: var(--error); }
.findings .broken { color: var(--error); font-weight: 600; }
figure { margin: 14px 0; background: var(--paper); border: 1px solid var(--rule); border-radius: 12px; padding: 18px 18px 14px; }
figcaption { font-size: 14px; margin-top: 10px; }
.scroll { overflow-x: auto; }
.picture { display: block; width: 100%; min-width: 760px; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 22px; font-size: 14px; color: var(--muted); margin: 0 0 14px; padding: 0; list-style: none; }
.legend svg { vertical-align: -2px; margin-right: 7px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; background: var(--paper); border: 1px solid var(--rule); width: 100%; }
th, td { padding: 7px 14px; border-top: 1px solid var(--rule); text-align: right; }
th { font-weight: 500; }
thead th { border-top: 0; font-weight: 600; }
tbody th, thead th:first-child { text-align: left; }
tr.main td { font-weight: 700; }
td.best, th.best { background: color-mix(in srgb, var(--done) 10%, transparent); }
.events { list-style: none; padding: 0; margin: 0; }
.events li { display: grid; grid-template-columns: 96px 1fr; gap: 14px; padding: 3px 0; }
.events time { text-align: right; color: var(--muted); font-variant-numeric: tabular-nums; }
code { font: 14px/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
details { margin-top: 12px; } summary { cursor: pointer; }
@media (max-width: 640px) {
  main { padding: 24px 14px 40px; }
  th, td { padding: 6px 8px; font-size: 14px; }
  .events li { grid-template-columns: 78px 1fr; gap: 10px; }
}
@media print { body { background: none; } figure, .card { break-inside: avoid; } }
`
