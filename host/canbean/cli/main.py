"""`canbean`: the verb groups, and how an error ends."""

from __future__ import annotations

import os
import sys

import typer

from canbean import __version__
from canbean.cli import (
    adapter,
    attack,
    board,
    board_flash,
    board_update,
    can,
    curve,
    demo,
    learn,
    model,
    monitor,
    plan,
    roast,
    traffic,
    watch,
)
from canbean.cli.output import words
from canbean.errors import CanbeanError

app = typer.Typer(
    name="canbean",
    help="Tiny anomaly detectors and meters: trained on a laptop, run on a three-dollar board.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
can.app.add_typer(learn.app)
can.app.add_typer(traffic.app)
can.app.add_typer(curve.app)
can.app.add_typer(attack.app)
can.app.add_typer(plan.app)
board.app.add_typer(monitor.app)
can.app.add_typer(watch.app)
board.app.add_typer(board_update.app)
board.app.add_typer(board_flash.app)
app.add_typer(can.app, name="can", help="CAN logs: look, learn, replay, score, attack.")
app.add_typer(roast.app, name="roast", help="Roast meter: calibrate, pair, fit, score, read, serve.")
app.add_typer(model.app, name="model", help="Model files.")
board.app.add_typer(adapter.app)
app.add_typer(board.app, name="board", help="Boards, real and virtual.")
app.command()(demo.demo)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line: exit 0 done, 1 failed with a one-line reason, 2 wrong usage, 3 a `--fail-on` held."""
    try:
        app()
    except CanbeanError as error:
        words.print(f"canbean: {error}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        words.print("canbean: stopped")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output left; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        # A full disk behind stdout, say: what is written to files has its own errors.
        words.print(f"canbean: {error.strerror or error}", markup=False)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
