"""`canbean demo`: the whole loop, both uses, on simulated data and the virtual board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board import Board, VirtualBoard
from canbean.can import attacks, events, logs, simulate
from canbean.cli.alarms import line_of, run_on_board, write_alerts
from canbean.cli.can import show_score
from canbean.cli.output import results, table
from canbean.cli.roast_fit import fit_with_bar, show_fit
from canbean.cli.roast_read import read_samples
from canbean.detect import model, score
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.detect.select import select
from canbean.errors import BoardError, FileError
from canbean.files import write_bytes
from canbean.report.can import can_section
from canbean.report.page import page
from canbean.report.roast import roast_section
from canbean.roast import meter, pairs
from canbean.roast import simulate as cups
from canbean.tiny import cbm

if TYPE_CHECKING:
    from canbean.report.markup import Markup

CLEAN_S = 600.0
DRIVE_S = 360.0
CUPS = 10
DETECTORS = ("checks", "sequence", "mixture")


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER")] = Path("demo-out"),
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 1,
) -> None:
    """The whole loop, both uses, on simulated data and the virtual board."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{output}: cannot make this folder: {error.strerror}") from error
    results.print("Everything below is simulated: the vehicle, the attacks, the coffee and its sensor.")
    results.print("The board is the real MicroPython VM on this machine; nothing here ran on hardware.\n")
    sections = [gateway(output, seed), roastmeter(output, seed)]
    write_bytes(output / "report.html", page("canbean demo", sections).encode())
    results.print(
        f"\n{output}/: car.cbm roast.cbm alerts.jsonl report.html drive.csv.gz drive.events.csv pairs.csv"
    )


def gateway(output: Path, seed: int) -> Markup:
    """Learn a bus, watch an attacked drive on the virtual board, score what it raised."""
    results.rule("CAN: learn, pack, watch")
    clean = simulate.drive(CLEAN_S, seed)
    # The detectors that learn in seconds.
    learned = select(learn([clean]), DETECTORS).learned
    car = output / "car.cbm"
    meta = {"name": "car", "data": "simulated", "made_from": f"drive, seed {seed}", "board": "linux"}
    cbm.write(car, model.pack(learned, meta))
    results.print(
        f"learned {len(learned.fingerprint)} ids from {len(clean)} frames of {CLEAN_S / 60:.0f} clean minutes; "
        f"{car}: {car.stat().st_size} bytes"
    )
    attacked, rows = attacks.inject_all(simulate.drive(DRIVE_S, seed + 1), attacks.FAMILIES, seed=seed)
    silent = [event for event in rows if not event.frames]
    logs.write(output / "drive.csv.gz", attacked)
    events.write(output / "drive.events.csv", silent)
    results.print(f"replaying another drive with {len(rows)} attack events onto the virtual board\n")
    with VirtualBoard(car, "gateway") as board:
        lines, said = run_on_board(board.port, attacked, None, results)
    write_alerts(output / "alerts.jsonl", lines)
    results.print(
        f"\n{said['frames']} frames at {said['frames_per_second']} a second, {said['alerts']} alerts, "
        f"{said['heap_free']} bytes of heap free on the board"
    )
    # The score is of the host's alerts: they must be the board's, byte for byte.
    raised = replay(learned.gateway, attacked)
    if [line_of(alert) for alert in raised.alerts] != lines:
        raise BoardError(
            "the board's alerts differ from the host's: please report this with demo-out/drive.csv.gz"
        )
    results.print("the host raises the same alerts, byte for byte\n")
    result = score.score(attacked, raised.alerts, bits=raised.bits, events=silent)
    show_score({"data": "simulated", **result}, "drive")
    shown: dict[str, Any] = {"events": silent, "bits": raised.bits, "fingerprint": learned.fingerprint}
    return can_section(attacked, raised.alerts, result, "CAN gateway", simulated=True, **shown)


def roastmeter(output: Path, seed: int) -> Markup:
    """Fit a meter from pairs, read fresh cups on the virtual board."""
    results.print()
    results.rule("Roast: pair, fit, read")
    made = cups.pairs(seed=seed)
    pairs.write(output / "pairs.csv", made)
    fitted = fit_with_bar(made)
    said = fitted.as_json()
    show_fit(said)
    packed = output / "roast.cbm"
    cbm.write(packed, fitted.model)
    fresh = cups.cups(CUPS, seed + 1)
    with VirtualBoard(packed, "roastmeter") as virtual, Board(virtual.port) as board:
        read = read_samples(board, meter.load(fitted.model), fresh)
    table(
        f"\n{CUPS} fresh cups read by the virtual board", ("cup", "true", "reading", "error"), map(_cup, read)
    )
    errors = [abs(row["reading"] - row["reference"]) for row in read]
    results.print(f"largest error {max(errors):.1f} of {fitted.scale[1]:g}")
    readings = [(row["cup"], row["reference"], row["reading"]) for row in read]
    reference = made.reference.tolist()
    return roast_section(said, reference, fitted.nested.tolist(), readings, simulated=True)


def _cup(row: dict[str, Any]) -> tuple[str, ...]:
    error = row["reading"] - row["reference"]
    return row["cup"], f"{row['reference']:.1f}", f"{row['reading']:.1f}", f"{error:+.1f}"
