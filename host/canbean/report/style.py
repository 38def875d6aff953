"""The style of a report: quiet, readable in light and dark, and on paper."""

LIGHT = (
    "#c8262c",
    "#8a5a2b",
    "#1f63c4",
    "#08838f",
    "#5a4bc0",
    "#c96a00",
    "#ad2f86",
    "#67830a",
    "#8f55c9",
    "#0f7d45",
)
DARK = (
    "#ff7b7b",
    "#d0a070",
    "#74aaff",
    "#45c8d4",
    "#a79cff",
    "#ffb057",
    "#f07cc8",
    "#b5d24a",
    "#cd9bff",
    "#55cf8e",
)
"""Colours of the marks, by number; the last kind takes the colour of text."""


def _colours(palette: tuple[str, ...]) -> str:
    return "".join(f"--k{n}:{colour};" for n, colour in enumerate(palette))


_LIGHT = (
    "color-scheme:light;--paper:#fff;--ink:#1c2024;--quiet:#5c646d;--rule:#d9dde2;--faint:#eef0f3;"
    "--accent:#1f63c4;--shade:#f3c98b;--attack:#b8620a;--band:#cfe6d6;--warn:#7a4a00;--warn-paper:#fff3dc;"
    "--s0:#6f7f92;--s1:#c96a00;--s2:#c8262c;" + _colours(LIGHT)
)
_DARK = (
    "color-scheme:dark;--paper:#15181c;--ink:#e8eaed;--quiet:#a2abb5;--rule:#3a4149;--faint:#22272d;"
    "--accent:#74aaff;--shade:#7a5a24;--attack:#f0a857;--band:#1d3626;--warn:#ffd792;--warn-paper:#3a2c10;"
    "--s0:#93a3b6;--s1:#ffb057;--s2:#ff7b7b;" + _colours(DARK)
)

COLOURS = f"""
:root{{{_LIGHT}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
"""
"""The colours by name, in light and dark; other pages of this project take them from here."""

STYLE = f"""{COLOURS.rstrip()}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--paper);color:var(--ink);
 font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}}
main{{max-width:1060px;margin:0 auto;padding:28px 24px 64px}}
h1{{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}}
h2{{font-size:20px;margin:0 0 8px;overflow-wrap:anywhere}} h3{{font-size:15px;margin:28px 0 6px}}
section{{margin-top:36px;padding-top:22px;border-top:1px solid var(--rule)}}
p{{margin:6px 0 10px;max-width:78ch}} .quiet{{color:var(--quiet)}}
.badge{{display:inline-block;margin-left:10px;padding:1px 9px;border-radius:10px;background:var(--warn-paper);
 color:var(--warn);font-size:13px;font-weight:600;vertical-align:3px;white-space:nowrap}}
.facts{{display:flex;flex-wrap:wrap;gap:10px 30px;margin:14px 0 20px;padding:0;list-style:none}}
.facts b{{display:block;font-size:21px;font-weight:600;font-variant-numeric:tabular-nums}}
.facts span{{color:var(--quiet);font-size:13px}}
.wide{{overflow-x:auto;margin:6px 0 12px}}
table{{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}}
th{{font-weight:600;color:var(--quiet);border-bottom:1px solid var(--rule);vertical-align:bottom;line-height:1.25}}
th,td{{padding:4px 14px 4px 0;text-align:right;white-space:nowrap}} td{{border-bottom:1px solid var(--faint)}}
th{{white-space:normal}}
th.text,td.text{{text-align:left}} td.prose{{text-align:left;white-space:normal;min-width:13em;overflow-wrap:anywhere}}
th.prose{{text-align:left}} tr.chosen td{{font-weight:600}}
svg{{display:block}} :not(svg)>svg{{max-width:100%;height:auto;min-width:840px}}
svg text{{font-size:12px;fill:var(--ink);font-family:inherit}} svg .tick,svg .name{{fill:var(--quiet)}}
.axis{{stroke:var(--quiet)}} .grid{{stroke:var(--faint)}} .lane{{stroke:var(--faint)}}
.skill{{fill:none;stroke:var(--k0);stroke-width:1.2;stroke-dasharray:4 3}} .step{{fill:none;stroke:var(--accent);stroke-width:1.4}} .area{{fill:var(--accent);opacity:.1}}
.shade{{fill:var(--shade);opacity:.38}} .attack{{fill:var(--attack)}}
.mark{{fill:none;stroke:currentColor;stroke-width:1.6}}
.band{{fill:var(--band)}} .identity{{stroke:var(--quiet);stroke-dasharray:5 4}}
.dots{{fill:var(--accent);fill-opacity:.7}}
.read{{fill:var(--paper);fill-opacity:.6;stroke:var(--k0);stroke-width:1.8}}
{"".join(f".k{n}{{color:var(--k{n})}}" for n in range(len(LIGHT)))}
.kinds{{display:flex;flex-wrap:wrap;gap:4px 22px;margin:8px 0;padding:0;list-style:none;font-size:13px}}
.kinds .strip{{display:inline-block;vertical-align:-4px}}
.id{{border-top:1px solid var(--faint);padding:5px 0;font-size:13.5px;min-width:780px}} .id>b,summary>b{{margin-right:10px;
 font-variant-numeric:tabular-nums}} .id .what{{margin-right:10px;font-weight:600}} summary{{cursor:pointer}}
:not(svg)>svg.strip{{min-width:0;margin:3px 0}} svg.strip text{{font-size:9.5px;fill:var(--ink)}}
svg.strip rect{{fill:var(--faint)}} svg.strip rect[class]{{fill:currentColor;fill-opacity:.33}}
svg.strip .begin{{stroke:var(--ink);stroke-width:1.4}} .fields{{margin:4px 0 10px 18px}}
{"".join(f".s{n}{{color:var(--s{n})}} g.s{n}{{fill:var(--s{n})}}" for n in range(3))} g.other{{fill:var(--quiet)}}
.number{{fill:var(--paper)!important;font-weight:600}}
.window{{fill:var(--accent);opacity:0}} .window.shown{{opacity:.24}} .ground{{fill:none;pointer-events:all}}
.zoom path.mark{{vector-effect:non-scaling-stroke;stroke-width:2.2}} .zoom image{{image-rendering:pixelated}}
.zoom .fine,.zoom.near .far{{display:none}} .zoom.near .fine{{display:inline}} .zoom:focus-visible{{outline:2px solid var(--accent)}}
.between{{stroke:var(--paper);stroke-width:1.5;vector-effect:non-scaling-stroke}}
.zoom svg svg{{overflow:hidden;cursor:grab;touch-action:pan-y}}
.tools{{display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin:6px 0;font-size:13px;color:var(--quiet)}}
.tools button{{font:inherit;color:var(--ink);background:var(--faint);border:1px solid var(--rule);border-radius:5px;
 min-width:32px;padding:2px 10px;cursor:pointer}} .tools span{{margin-left:8px}}
a{{color:var(--accent)}} .severity{{font-weight:600;white-space:nowrap;margin-right:8px}}
.incident,.known{{border-top:1px solid var(--rule);padding:7px 0}} .incident .quiet{{margin-left:8px}}
.incident p.quiet{{margin-left:0}} meter{{width:84px;height:10px;vertical-align:0}} meter::-webkit-meter-optimum-value{{background:var(--accent)}}
meter::-moz-meter-bar{{background:var(--accent)}}
.evidence{{display:flex;flex-wrap:wrap;gap:6px 30px;margin:4px 0 14px}} .evidence>div{{max-width:100%}}
.evidence h4{{font-size:14px;margin:4px 0 2px}} .evidence p{{margin:0;font-size:13px;max-width:36ch}}
.evidence table{{font:12px/1.3 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;margin-top:6px;
 color:var(--quiet)}} .evidence th{{font-weight:400;text-align:right}}
.evidence th,.evidence td{{padding:0 12px 0 0;border:0}} .evidence th:last-child,.evidence td:last-child{{text-align:left;
 white-space:normal;padding-right:4px}} .evidence td b{{color:var(--ink)}}
.evidence .about td{{background:var(--warn-paper);color:var(--warn)}} .evidence .cut td{{text-align:left;font-style:italic}}
.known code{{display:block;white-space:pre;font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;color:var(--quiet)}}
.known i{{font-style:normal;color:var(--ink);background:var(--band)}}
footer{{margin-top:48px;color:var(--quiet);font-size:13px}}
@page{{margin:14mm}}
@media print{{main{{padding:0;max-width:none}} body{{font-size:11pt}} table{{font-size:8.5pt}} th,td{{padding-right:8px}}
 :not(svg)>svg{{min-width:0}} .tools{{display:none}} section,tr,svg,.facts{{break-inside:avoid}} section{{break-inside:auto}} .wide{{overflow:visible}}
 h2,h3{{break-after:avoid}} thead{{display:table-header-group}}
 *{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}
"""
"""CSS of the whole page."""
