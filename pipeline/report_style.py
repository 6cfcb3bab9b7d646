"""The look of the report: one style sheet for light and dark, screen and keyboard."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #ffffff; --ink: #23272b; --soft: #667079; --line: #e3e5e6;
  --accent: #1f6f8b; --second: #b7bec3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181b; --card: #1c2024; --ink: #e4e7e9; --soft: #98a2aa; --line: #2d3338;
    --accent: #6fc1dc; --second: #58626a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1120px; padding: 2.5rem 1.25rem 5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { font-size: 1.9rem; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.35rem; margin: 3.2rem 0 .4rem; }
h3 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
h4 { font-size: 1rem; font-weight: 600; margin: 0; }
p { margin: .3rem 0 .8rem; max-width: 46rem; }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; margin: 1rem 0 0; padding: 0; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .4rem .8rem; }
.soft { color: var(--soft); font-size: .875rem; }
.scroll {
  overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 0 0 1rem;
}
.facts { max-width: 40rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .7rem .9rem; color: var(--soft); font-size: .875rem; }
th, td { padding: .5rem .9rem; text-align: right; border-top: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: left; font-weight: 500; }
thead th { font-size: .875rem; font-weight: 600; border-top: 0; }
td small { display: block; color: var(--soft); font-size: .78rem; white-space: nowrap; }
td.first { font-weight: 650; }
td.first small { font-weight: 400; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem; margin: 0 0 1rem;
}
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(235px, 1fr)); gap: 1rem; margin-top: .8rem; }
.charts { grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .875rem; margin-bottom: .3rem; }
figure img { display: block; height: 110px; border-radius: 5px; background: #000004; }
audio { width: 100%; height: 36px; margin-top: .5rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .frame { stroke: var(--line); fill: none; }
svg .train { stroke: var(--second); fill: none; stroke-width: 1.2; }
svg .validation { stroke: var(--accent); fill: var(--accent); stroke-width: 2; }
svg polyline.validation { fill: none; }
.wide { margin: 0; border-radius: 5px; }
.wide svg { max-width: none; }
svg .bar { fill: var(--accent); }
.cases td:last-child { text-align: left; min-width: 15rem; }
.cases th[title] { cursor: pointer; }
svg .wave { stroke: var(--second); fill: none; stroke-width: 2; }
svg .pause { fill: var(--line); }
svg .boundary { stroke: var(--accent); fill: none; }
svg .boundary.bright { stroke: #ffffff; stroke-opacity: .6; }
svg text.phone, svg text.word { text-anchor: middle; fill: var(--ink); }
svg text.phone { font-size: 10px; }
details { margin: .8rem 0; }
summary { cursor: pointer; color: var(--accent); }
pre {
  overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem;
  font-size: .82rem; line-height: 1.45;
}
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: .6rem 0; font-size: .9rem; }
dt { font-weight: 600; } dd { margin: 0; color: var(--soft); }
"""
