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
    + _colours(LIGHT)
)
_DARK = (
    "color-scheme:dark;--paper:#15181c;--ink:#e8eaed;--quiet:#a2abb5;--rule:#3a4149;--faint:#22272d;"
    "--accent:#74aaff;--shade:#7a5a24;--attack:#f0a857;--band:#1d3626;--warn:#ffd792;--warn-paper:#3a2c10;"
    + _colours(DARK)
)

STYLE = f"""
:root{{{_LIGHT}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
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
.facts{{display:flex;flex-wrap:wrap;gap:10px 36px;margin:14px 0 20px;padding:0;list-style:none}}
.facts b{{display:block;font-size:21px;font-weight:600;font-variant-numeric:tabular-nums}}
.facts span{{color:var(--quiet);font-size:13px}}
.wide{{overflow-x:auto;margin:6px 0 12px}}
table{{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}}
th{{font-weight:600;color:var(--quiet);border-bottom:1px solid var(--rule);vertical-align:bottom;line-height:1.25}}
th,td{{padding:4px 14px 4px 0;text-align:right;white-space:nowrap}} td{{border-bottom:1px solid var(--faint)}}
th{{white-space:normal}}
th.text,td.text{{text-align:left}} td.prose{{text-align:left;white-space:normal;min-width:13em;overflow-wrap:anywhere}}
th.prose{{text-align:left}} tr.chosen td{{font-weight:600}}
svg{{display:block;max-width:100%;height:auto;min-width:840px}}
svg text{{font-size:12px;fill:var(--ink);font-family:inherit}} svg .tick,svg .name{{fill:var(--quiet)}}
.axis{{stroke:var(--quiet)}} .grid{{stroke:var(--faint)}} .lane{{stroke:var(--faint)}}
.step{{fill:none;stroke:var(--accent);stroke-width:1.4}} .area{{fill:var(--accent);opacity:.1}}
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
svg.strip{{min-width:0;margin:3px 0}} svg.strip text{{font-size:9.5px;fill:var(--ink)}}
svg.strip rect{{fill:var(--faint)}} svg.strip rect[class]{{fill:currentColor;fill-opacity:.33}}
svg.strip .begin{{stroke:var(--ink);stroke-width:1.4}} .fields{{margin:4px 0 10px 18px}}
footer{{margin-top:48px;color:var(--quiet);font-size:13px}}
@page{{margin:14mm}}
@media print{{main{{padding:0;max-width:none}} body{{font-size:11pt}} table{{font-size:8.5pt}} th,td{{padding-right:8px}}
 svg{{min-width:0}} section,tr,svg,.facts{{break-inside:avoid}} section{{break-inside:auto}} .wide{{overflow:visible}}
 h2,h3{{break-after:avoid}} thead{{display:table-header-group}}
 *{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}
"""
"""CSS of the whole page."""
