"""CSS of the report: one column of calm type, light or dark like the reader's system, for narrow and wide windows."""

STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1d2127; --dim: #5f6670; --rule: #d9dce1; --soft: #f5f6f8;
  --mono: ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15181d; --ink: #e6e8eb; --dim: #9aa2ad; --rule: #343a43; --soft: #1c2026 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 5rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
header { border-bottom: 1px solid var(--rule); padding-bottom: 1.5rem }
h1 { font-size: 2.2rem; line-height: 1.15; margin: 0; letter-spacing: -.02em }
h2 { font-size: 1.25rem; margin: 0 0 .2rem; letter-spacing: -.01em }
h3 { font-size: .95rem; margin: 1.4rem 0 .3rem; color: var(--dim); font-weight: 600 }
p { margin: .4rem 0 } header p, .what, .legend { color: var(--dim) }
.what, .legend { font-size: .9rem; max-width: 48rem }
section { margin-top: 3rem }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.4rem 0 0 }
.figures dt { font-size: .8rem; color: var(--dim) }
.figures dd { margin: 0; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem 2rem;
  margin-top: 1rem }
figure { margin: 0 } figcaption { font-size: .85rem; color: var(--dim) } figcaption b { color: var(--ink) }
svg { display: block; width: 100%; height: auto; font-family: system-ui, sans-serif }
.map { border: 1px solid var(--rule); border-radius: 6px; margin: .8rem 0; min-width: 38rem }
.key { margin-left: .6em; white-space: nowrap }
.key::before { content: ""; display: inline-block; width: 1.2em; border-top: 2px solid; vertical-align: .3em;
  margin-right: .35em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .45rem 0; border-top: 1px solid var(--rule) }
.samples th, .lines th { width: 6rem; padding-right: 1rem; font-weight: 600; font-variant-numeric: tabular-nums;
  text-align: right; white-space: nowrap }
small { display: block; font-weight: 400; font-size: .75rem; color: var(--dim) }
pre { margin: 0; font: 13.5px/1.5 var(--mono); white-space: pre-wrap; tab-size: 4 }
pre + pre { margin-top: .35rem; padding-top: .35rem; border-top: 1px dotted var(--rule) }
pre b, .legend b { font-weight: 400 } .lines pre { line-height: 1.7; white-space: break-spaces }
.lines pre b { padding: .12em 0 }
.lines th { width: 3.6rem }
.legend b { display: inline-block; min-width: 1.4em; text-align: center; font-family: var(--mono) }
.wide { overflow-x: auto } .confusion { width: auto; font-size: .85rem; font-variant-numeric: tabular-nums;
  margin-top: .6rem; overflow-wrap: normal }
.confusion th, .confusion td { border: 0; padding: .35rem .6rem; text-align: right; font-weight: 400 }
.confusion thead th { color: var(--dim); vertical-align: bottom }
.confusion .right { outline: 2px solid var(--ink); outline-offset: -2px; font-weight: 600 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 0 3rem }
.facts { font-size: .88rem; margin-top: .5rem } .facts th { width: 8rem; padding-right: 1rem; font-weight: 400;
  color: var(--dim); overflow-wrap: normal }
section p.kinds b { margin-right: .8em; font-weight: 600; font-size: .9rem }
@media (max-width: 36rem) { .samples th { width: 4.2rem; padding-right: .7rem } h1 { font-size: 1.7rem }
  body { padding-top: 1.5rem } .facts th { width: 6rem } }
@media (max-width: 44rem) { .scrolls { border-right: 1px dashed var(--dim) }
  .scrolls::before { content: "Scroll sideways to see all of it →"; position: sticky; left: 0; display: inline-block;
    font-size: .8rem; color: var(--dim) } }
@media print { body { max-width: none } section { break-inside: avoid } }
"""
