"""`canbean roast calibrate`: a unit on references that anyone can buy, or on cups that another unit has measured."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from canbean.board import settings, update
from canbean.board.roastmeter import open_meter, read_any, sensed
from canbean.cli.board_key import BoardKey, secret_of
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results, waiting
from canbean.cli.roast_options import UNIT
from canbean.errors import BoardError, CalibrationError, UsageError
from canbean.roast import pairs, reading, references, simulate, units
from canbean.roast.calibrate import Series
from canbean.roast.calibration import UNIT as WORD
from canbean.roast.calibration import Calibration
from canbean.roast.guide import Guide, Step, known_cups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canbean.board import Board
    from canbean.roast.reading import Reading

PAUSE_S = 2.0
"""Between two readings: the white is watched for 40 s while the sensor warms up."""
TRIES = 5
BY_CHANNELS = {2: "max3010x", 4: "tcs34725"}
NO_COUNTS = "the meter sends no counts: update its firmware"
USABLE = {"ok", "empty", "dirty window", "not calibrated"}
"""What the meter may say of a reference: the calibration that it has may be an old one."""


class Source(Protocol):
    """Where readings come from."""

    def lay(self, step: Step) -> None:
        """Have what the step asks for laid on the window."""

    def read(self) -> tuple[Sequence[float], float | None, str]:
        """Counts of each channel, 1/16 degrees or None, and the quality, of one reading."""


def calibrate(
    port: Annotated[str | None, typer.Option("--port", metavar="P", help="Of the meter.")] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Of this meter, a word; {UNIT} if not given.")
    ] = None,
    white: Annotated[str, typer.Option(help=f"One of {', '.join(references.WHITES)}.")] = "ptfe-sheet",
    black: Annotated[str, typer.Option(help=f"One of {', '.join(references.BLACKS)}.")] = "toner",
    cups: Annotated[
        Path | None,
        typer.Option(
            metavar="PAIRS.csv", help="Of a calibrated unit: calibrate on cups of these lots instead."
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Lay only the white of the board's calibration on again: in a room of another temperature, or as LEDs age.",
        ),
    ] = False,
    coffee: Annotated[
        bool,
        typer.Option("--coffee/--no-coffee", help="Ask for coffee, which tells clones with swapped LEDs."),
    ] = True,
    sensor: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(units.SENSORS)}; by its channels if not given.")
    ] = None,
    key: BoardKey = None,
    simulate_: Annotated[
        bool,
        typer.Option(
            "--simulate", help="A simulated unit and person; with --port a virtual board measures it."
        ),
    ] = False,
    number: Annotated[int, typer.Option("--number", min=0, help="Which unit --simulate draws.")] = 1,
    swapped: Annotated[
        bool, typer.Option("--swapped", help="The unit of --simulate is such a clone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Calibrate a meter: says what to lay on it, step by step, refuses what cannot be, and keeps the result on the board.

    White, black and an empty window; each step is read again until it is right. Nothing is written before the last.
    """
    if again and (port is None or cups is not None or swapped):
        raise UsageError(
            "--again takes the calibration of the board at --port P, and neither --cups nor --swapped"
        )
    if unit is not None and again:
        raise UsageError("--again keeps the name that the calibration has: leave out --unit")
    if unit is not None and simulate_:
        raise UsageError("--unit: a simulated meter has its own name: choose which with --number")
    if unit is not None and not WORD.fullmatch(unit):
        raise UsageError(f"--unit {unit!r} is no name: up to 24 letters, digits, '.', '_' and '-'")
    if port is None and not simulate_:
        raise UsageError("give --port P of a meter, or --simulate")
    with ExitStack() as stack:
        board = stack.enter_context(open_meter(port)) if port is not None else None
        found = None if board is None else reading.parse(read_any(board).values, board.port)
        kind = _kind(board, found, sensor, simulated=simulate_)
        guide = Guide(kind, references.white(white), references.black(black), coffee=coffee)
        if cups is not None:
            guide.cups = known_cups(pairs.read(cups), kind)
        kept = {} if board is None else dict(settings.read(board).lines)
        exchanged = kept.get("swap") == "1"
        if again:
            if "calibration" not in kept:
                raise CalibrationError(f"{port}: was never calibrated: do so without --again")
            guide.before = Calibration.parse(kept["calibration"])
        name = guide.before.unit if guide.before else unit or UNIT
        source: Source
        if simulate_:
            # a clone whose LEDs the driver already exchanges looks like any other
            drawn = replace(units.Unit.drawn(number, kind.name), swapped=swapped != exchanged)
            source = _Simulated(simulate.Meter(drawn, number), guide, board)
            name = drawn.name
            if board is not None:
                stack.callback(_laid_back, board, found)
        else:
            assert board is not None
            source = _Person(board, "have run for a minute" if again else "have been off for ten minutes")
        for step in guide.steps:
            _do(step, guide, source, patient=not simulate_)
        made, measured, turned = guide.finish(name, dt.datetime.now(tz=dt.UTC).astimezone().date())
        if board is not None:
            keep(board, made, exchanged != turned, secret_of(key))
    _tell(made, guide, measured=measured, turned=turned, port=port, simulated=simulate_, as_json=as_json)


def keep(board: Board, made: Calibration, exchanged: bool, key: bytes | None) -> None:
    """Write a calibration, and which LED is which, into the board's settings, and read them back.

    The board keeps each setting whole or not at all. Where the LEDs change places it forgets its calibration first: whatever
    ends this in between leaves a meter that says that it is not calibrated, and never one with half of each.

    Raises:
        BoardError: the board refuses them or keeps something else.
    """
    before = dict(settings.read(board).lines)
    if exchanged != (before.get("swap") == "1"):
        if "calibration" in before:
            _set(board, "unset calibration", key)
        _set(board, f"set swap {int(exchanged)}", key)
    _set(board, f"set calibration {made.words()}", key)
    after = dict(settings.read(board).lines)
    if after.get("calibration") != made.words() or exchanged != (after.get("swap") == "1"):
        raise BoardError(f"{board.port}: the board did not keep the calibration: calibrate again")


def _set(board: Board, command: str, key: bytes | None) -> None:
    """A setting kept; where the heap is too small beside the meter, while the board runs nothing else."""
    update.with_room(board, lambda: update.ask(board, command, "settings", key), key)


def _laid_back(board: Board, before: Reading | None) -> None:
    """Have on a virtual board what lay on it before a simulated person came."""
    if before is not None and before.counts is not None:
        # one that is gone has said so already
        with suppress(BoardError):
            warm = None if before.celsius is None else round(16 * before.celsius)
            sensed(board, before.counts, warm)


def _kind(board: Board | None, found: Reading | None, named: str | None, *, simulated: bool) -> units.Sensor:
    """The sensor of a board: what was named, what it says that it has, or by the number of its channels."""
    if board is None or found is None or (simulated and found.counts is None):
        # a virtual board may have none until it is told what to sense
        return units.sensor(named or "max3010x")
    said = str(board.hello.get("sensor"))
    if found.counts is None:
        why = found.why if found.quality == reading.NO_SENSOR else NO_COUNTS
        raise BoardError(f"{board.port}: {why}")
    called = named or (said if said in units.SENSORS else BY_CHANNELS.get(len(found.counts)))
    if called is None:
        raise BoardError(f"{board.port}: the meter does not say which sensor it has: give --sensor")
    sensor = units.sensor(called)
    if len(sensor.channels) != len(found.counts):
        raise BoardError(
            f"{board.port}: the meter's sensor has {len(found.counts)} channels, a {called} has {len(sensor.channels)}: "
            "leave out --sensor"
        )
    return sensor


def _do(step: Step, guide: Guide, source: Source, *, patient: bool) -> None:
    """One step, again and again until it is right; a person may try for ever, a simulated one a few times."""
    tries = 0
    while True:
        tries += 1
        source.lay(step)
        try:
            guide.take(step, _series(step, source))
        except CalibrationError as error:
            if not patient and tries >= TRIES:
                raise
            note(f"{error}")
        else:
            return


def _series(step: Step, source: Source) -> Series:
    counts: list[Sequence[float]] = []
    warm: list[float] = []
    with waiting(f"reading {step.name}") as say:
        for k in range(step.readings):
            say(f"reading {step.name}, {k + 1} of {step.readings}")
            n, celsius16, quality = source.read()
            if quality not in USABLE:
                raise CalibrationError(f"{step.name}: {quality}: do this step again")
            counts.append(n)
            if celsius16 is not None:
                warm.append(celsius16)
    return Series.of(counts, warm if len(warm) == len(counts) else None)


class _Person:
    """A board, and a person who lays things on it."""

    def __init__(self, board: Board, state: str) -> None:
        self.board = board
        note(f"calibration: the meter should {state}; ctrl-C ends, and leaves the board as it was")

    def lay(self, step: Step) -> None:
        typer.prompt(f"{step.name}: {step.words}; then press Enter", default="", show_default=False, err=True)
        # a reading that began before
        self.board.ask("read", "reading", 12.0)
        time.sleep(PAUSE_S)

    def read(self) -> tuple[Sequence[float], float | None, str]:
        time.sleep(PAUSE_S)
        return _said(self.board.ask("read", "reading", 12.0).values, self.board.port)


class _Simulated:
    """A simulated unit; where there is a virtual board its counts go through that."""

    def __init__(self, meter: simulate.Meter, guide: Guide, board: Board | None) -> None:
        self.meter, self.guide, self.board = meter, guide, board

    def lay(self, step: Step) -> None:
        self.meter.follow(step, self.guide)

    def read(self) -> tuple[Sequence[float], float | None, str]:
        made = self.meter.read()
        counts = [max(int(n), 0) for n in made.counts[0]]
        celsius16 = None if made.celsius16 is None else int(made.celsius16[0])
        if self.board is None:
            return counts, celsius16, "ok"
        words = " ".join(map(str, counts if celsius16 is None else [*counts, celsius16]))
        self.board.command(f"sense {words}")
        return _said(self.board.ask("read", "reading", 12.0).values, self.board.port)


def _said(values: dict[str, Any], port: str) -> tuple[Sequence[float], float | None, str]:
    """Counts, 1/16 degrees and quality of a `reading` line."""
    counts, celsius, quality = (values.get(name) for name in ("counts", "celsius", "quality"))
    if not isinstance(counts, list) or not all(isinstance(n, int) for n in counts):
        raise BoardError(f"{port}: {NO_COUNTS}")
    warm = round(16 * celsius) if isinstance(celsius, int | float) else None
    return counts, warm, str(quality)


def _tell(
    made: Calibration,
    guide: Guide,
    *,
    measured: bool,
    turned: bool,
    port: str | None,
    simulated: bool,
    as_json: bool,
) -> None:
    names = guide.sensor.channels
    if as_json:
        json_line(
            {
                "data": "simulated" if simulated else "recorded",
                "unit": made.unit,
                "date": made.date.isoformat(),
                "sensor": guide.sensor.name,
                "calibration": made.words(),
                "percent_per_degree": {n: c.alpha / 1e4 for n, c in zip(names, made.channels, strict=True)},
                "coefficients": "measured" if measured else "nominal",
                "swapped": turned,
                "kept_on": port,
            }
        )
        return
    what = "simulated unit" if simulated else "unit"
    results.print(f"{what} {made.unit}, calibrated {made.date}{'' if port is None else f', kept on {port}'}")
    results.print(f"calibration {made.words()}", markup=False)
    if made.at is not None:
        slopes = ", ".join(f"{n} {c.alpha / 1e4:+.2f} %" for n, c in zip(names, made.channels, strict=True))
        results.print(f"LEDs per degree Celsius ({'measured' if measured else 'nominal'}): {slopes}")
        if not measured:
            note(
                "the sensor did not warm up meanwhile: let it stand unplugged, calibrate again, and its LEDs are measured"
            )
    if turned:
        results.print("its two LEDs are swapped, as clones have them: kept as the setting `swap 1`")
