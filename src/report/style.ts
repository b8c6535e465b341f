/**
 * The page's only style sheet. The page has no style attributes, because its policy allows this text and nothing else.
 */
export const STYLE = `
:root { color-scheme: light dark;
  --ground: #f3f5f8; --card: #ffffff; --ink: #17202e; --soft: #556274; --line: #dfe4ec; --track: #e8ecf2; --hover: #17202e14; --edge: #17202e40;
  --sent: #94a3b8; --delivered: #2563eb; --reader: #0f766e; --machine: #8fb8b2; --clicked: #7c3aed;
  --bounced: #c2410c; --complained: #be123c; --doubt: #a16207; --waiting: #64748b;
  --ok: #15803d; --ok-ground: #e9f7ee; --warn: #92580b; --warn-ground: #fdf3dc; --bad: #b42318; --bad-ground: #fdecea; }
@media screen and (prefers-color-scheme: dark) { :root {
  --ground: #0e131a; --card: #171d27; --ink: #e8edf4; --soft: #a3afbf; --line: #2b3543; --track: #242d3a; --hover: #ffffff1a; --edge: #000000b3;
  --sent: #7788a0; --delivered: #60a5fa; --reader: #2dd4bf; --machine: #3f7f7a; --clicked: #b79bfb;
  --bounced: #fb923c; --complained: #fb7185; --doubt: #facc15; --waiting: #94a3b8;
  --ok: #6ee7a0; --ok-ground: #12301f; --warn: #fcd580; --warn-ground: #382a0d; --bad: #fda29b; --bad-ground: #3d1714; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "Noto Sans CJK KR", sans-serif; overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; }
main { max-width: 66rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
h1 { font-size: clamp(1.6rem, 5vw, 2.25rem); line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.015em; }
h2 { font-size: 1.15rem; margin: 0 0 .9rem; }
h3 { font-size: 1.1rem; margin: 0 0 .9rem; }
.chart { font-size: .95rem; font-weight: 600; margin: 1.4rem 0 .2rem; }
p { margin: 0 0 .8rem; }
.eyebrow { color: var(--soft); font-size: .8rem; font-weight: 600; letter-spacing: .08em; text-transform: uppercase; margin: 0 0 .4rem; }
.subject { font-size: 1.1rem; margin: 0 0 .3rem; }
.soft { color: var(--soft); font-size: .9rem; }
.badge { display: inline-block; border-radius: 1rem; padding: .1rem .7rem; font-size: .8rem; font-weight: 600; background: var(--warn-ground); color: var(--warn); }
header { margin-bottom: 1.5rem; }
section, .notes { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1.25rem; margin: 0 0 1rem; }
.notes { list-style: none; padding: .4rem 1.25rem; }
.notes li { padding: .5rem 0; }
.notes li + li { border-top: 1px solid var(--line); }
.notes strong { display: block; }
code { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--track); border-radius: .3rem; padding: .1em .35em; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.75rem, 1fr)); gap: .75rem; margin: 0 0 1rem; }
.figures > div { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: .9rem; }
.figures dt { color: var(--soft); font-size: .85rem; white-space: nowrap; }
.figures dd { margin: 0; font-size: .85rem; color: var(--soft); }
.figures dd.big { font-size: 1.6rem; white-space: nowrap; line-height: 1.25; font-weight: 650; color: var(--ink); letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
section .figures > div { border: 0; background: none; padding: 0; }
section .figures dd.big { font-size: 1.4rem; }
.verdict { display: inline-block; border-radius: 1rem; padding: .05rem .6rem; font-weight: 600; }
.ok { background: var(--ok-ground); color: var(--ok); }
.near { background: var(--warn-ground); color: var(--warn); }
.review, .pause { background: var(--bad-ground); color: var(--bad); }
svg { display: block; width: 100%; }
svg.track { height: .75rem; border-radius: .25rem; }
svg.columns { height: 9rem; }
svg.columns line { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.ground { fill: var(--track); } .mark { fill: var(--ink); } .target { fill: transparent; } g:hover > .target { fill: var(--hover); }
.sent { fill: var(--sent); } .delivered { fill: var(--delivered); } .reader { fill: var(--reader); } .machine { fill: var(--machine); }
.clicked { fill: var(--clicked); } .bounced, .failed { fill: var(--bounced); } .complained { fill: var(--complained); }
.in_doubt { fill: var(--doubt); } .pending, .sending { fill: var(--waiting); } .cancelled, .suppressed { fill: var(--soft); }
.axis { display: flex; justify-content: space-between; gap: .5rem; color: var(--soft); font-size: .8rem; margin: .3rem 0 0; font-variant-numeric: tabular-nums; }
.axis.top { margin: 0 0 .3rem; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; padding: 0; margin: .8rem 0 0; font-size: .9rem; }
.legend li { display: flex; align-items: center; gap: .45rem; }
.legend svg { width: .8rem; height: .8rem; border-radius: .2rem; flex: none; }
.legend b { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 0 -1.25rem; padding: 0 1.25rem; --far: linear-gradient(to right, var(--card) 40%, transparent), linear-gradient(to left, var(--card) 40%, transparent);
  background: var(--far), linear-gradient(to right, var(--edge), transparent), linear-gradient(to left, var(--edge), transparent); background-color: var(--card);
  background-position: left, right, left, right; background-size: 3rem 100%, 3rem 100%, 1rem 100%, 1rem 100%; background-repeat: no-repeat; background-attachment: local, local, scroll, scroll; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--delivered); outline-offset: 2px; border-radius: .3rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .45rem .9rem .45rem 0; vertical-align: top; border-top: 1px solid var(--line); font-weight: 400; }
th:last-child, td:last-child { padding-right: 0; }
thead th, thead td { color: var(--soft); font-size: .8rem; border-top: 0; vertical-align: bottom; }
td.number { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.bar { width: 24%; min-width: 5rem; vertical-align: middle; }
th, td { overflow-wrap: break-word; }
th.name { min-width: 10rem; overflow-wrap: anywhere; } th.text { min-width: 9rem; } td.wide { min-width: 16rem; overflow-wrap: anywhere; }
article > header h2 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; }
table + p, .scroll + p { margin-top: .9rem; }
tr.others th, tr.others td { color: var(--soft); }
.funnel tbody th { width: 10.5rem; font-weight: 600; } .funnel td.bar { width: auto; }
details { margin-top: .9rem; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; width: fit-content; }
details > * + * { margin-top: .6rem; }
article + article { margin-top: 3rem; }
footer { color: var(--soft); font-size: .85rem; border-top: 1px solid var(--line); padding-top: 1rem; margin-top: 1.5rem; }
footer h2 { font-size: .95rem; margin: 0 0 .4rem; color: var(--ink); }
@media (max-width: 34rem) {
  main { padding: 1.25rem .75rem 2rem; } section { padding: 1rem; } .scroll { margin: 0 -1rem; padding: 0 1rem; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem; } .figures > div { padding: .8rem; } .figures > div:last-child:nth-child(odd) { grid-column: 1 / -1; } .figures dd.big { font-size: 1.4rem; }
  .funnel tbody th { width: 6.5rem; } svg.columns { height: 7rem; } .scroll .bar { display: none; } th.text { min-width: 6rem; } .scroll tbody th { overflow-wrap: anywhere; } td.wide { min-width: 12rem; } th, td { padding-right: .6rem; } }
@media print {
  :root { font-size: 13px; } body { background: #fff; font-size: 1rem; } main { max-width: none; padding: 0; } section, .figures > div, .notes { break-inside: avoid; border-color: #c9d0da; }
  section.long { break-inside: auto; } tr { break-inside: avoid; } h2, h3, thead { break-after: avoid; } .scroll { overflow: visible; margin: 0; padding: 0; } .scroll .bar { display: none; } th.text { min-width: 0; } details { display: none; }
  .figures { grid-template-columns: repeat(3, 1fr); } * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } @page { margin: 14mm; } }
`;
