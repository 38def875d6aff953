"""`canbean roast`: a file a verb."""

from __future__ import annotations

import typer

from canbean.cli import (
    roast_annotate,
    roast_calibrate,
    roast_convert,
    roast_enclosure,
    roast_fit,
    roast_pair,
    roast_read,
    roast_ready,
    roast_score,
    roast_serve,
    roast_simulate,
)

app = typer.Typer(no_args_is_help=True)
app.command()(roast_calibrate.calibrate)
app.command()(roast_pair.pair)
app.command()(roast_fit.fit)
app.command()(roast_score.score)
app.command()(roast_convert.convert)
app.command()(roast_simulate.simulate)
app.command()(roast_read.read)
app.command()(roast_serve.serve)
app.command()(roast_annotate.annotate)
app.command()(roast_enclosure.enclosure)
app.command()(roast_ready.ready)
