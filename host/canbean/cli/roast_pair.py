"""`canbean roast pair`: a session of pair sampling in the terminal."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board.reference_meter import ReferenceMeter
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results, waiting, words
from canbean.cli.roast_meter import Meter
from canbean.cli.roast_options import ReferenceBaud, ReferenceFormat, ReferencePort
from canbean.errors import BoardError, UsageError
from canbean.roast import scale
from canbean.roast.coverage import gap
from canbean.roast.pair_book import Book
from canbean.roast.pair_questions import Step, summary
from canbean.roast.pair_simulated import Bench
from canbean.roast.pairing import TAMPS, TARGET, AnswerError, Session
from canbean.roast.reading import columns as columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canbean.roast.pair_questions import Question
    from canbean.roast.reading import Channel

ScaleName = Annotated[
    str, typer.Option("--scale", metavar="NAME|LOW:HIGH", help="Of the professional meter.")
]
Unit = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of this meter; what it calls itself, else unit-1.")
]
Target = Annotated[int, typer.Option("--target", min=1, max=10_000, help="Pairs that are enough.")]
Tamps = Annotated[int, typer.Option(min=1, max=20, help="Of each cup.")]
Counts = Annotated[
    bool, typer.Option("--counts", help="Pair what the sensor counts: of one unit, without calibration.")
]
Names = Annotated[
    str | None,
    typer.Option("--channels", metavar="a,b", help="Names of the light channels of another sensor."),
]


def pair(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PAIRS.csv")],
    port: Annotated[str | None, typer.Option("--port", metavar="P", help="Of our meter.")] = None,
    scale_name: ScaleName = "0:180",
    unit: Unit = None,
    target: Target = TARGET,
    tamps: Tamps = TAMPS,
    reference_port: ReferencePort = None,
    reference_format: ReferenceFormat = "plain",
    reference_baud: ReferenceBaud = None,
    counts: Counts = False,
    channels: Names = None,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            help="Simulated coffee, meters and person: no hardware, no keys; with --port a virtual board measures.",
        ),
    ] = False,
    number: Annotated[int, typer.Option("--number", min=0, help="Which unit --simulate draws.")] = 1,
    seed: Annotated[int, typer.Option(help="Of --simulate.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Pair this meter with a professional one: says what to measure next, and shows at once what looks odd.

    Can be stopped at any moment; the same command goes on with every pair that was confirmed. A DiFluid speaks Bluetooth
    only: type its value.
    """
    if not simulate and port is None:
        raise UsageError("give --port P of a meter, or --simulate")
    if simulate and reference_port is not None:
        raise UsageError("--simulate simulates the professional meter too: leave out --reference-port")
    if simulate and unit is not None:
        raise UsageError("--unit: a simulated meter has its own name: choose which with --number")
    book = Book(output, scale.parse(scale_name).span)
    with ExitStack() as stack:
        person: _Simulated | _Typing
        meter = None
        if port is not None:
            meter = stack.enter_context(Meter(port, counts=counts, names=channels))
        if simulate:
            bench = Bench(seed, number, book=book, calibrated=meter is None and not counts)
            session = Session(book, bench.unit, tamps, target)
            columns = columns_of(meter.sense(bench.example())) if meter else bench.columns
            person = _Simulated(bench, session, meter)
        else:
            assert meter is not None
            session = Session(book, meter.named(unit), tamps, target)
            columns = meter.columns()
            other = None
            if reference_port is not None:
                other = stack.enter_context(ReferenceMeter(reference_port, reference_format, reference_baud))
            person = _Typing(meter, other)
        book.expect(columns, session.unit)
        for text in book.notices:
            note(text)
        if book.resumed:
            note(f"{output}: {summary(book)}")
        try:
            talk(session, person)
        except (KeyboardInterrupt, EOFError):
            words.print()
        note(f"{summary(book)} The same command goes on." if session.step is not Step.DONE else summary(book))
    if as_json:
        json_line(said(session))
    else:
        results.print(f"{output}: {len(book.pairs)} pairs", markup=False)


def said(session: Session) -> dict[str, Any]:
    """The object of `roast pair --json`."""
    book = session.book
    pairs = book.pairs
    return {
        "data": "simulated" if any(p.unit.startswith("simulated") for p in pairs) else "recorded",
        "file": str(book.path),
        "journal": str(book.journal),
        "pairs": len(pairs),
        "groups": len({p.lot for p in pairs}),
        "cups": len({(p.lot, p.cup) for p in pairs}),
        "scale": list(book.scale),
        "lowest": min((p.reference for p in pairs), default=None),
        "highest": max((p.reference for p in pairs), default=None),
        "widest_gap": gap(book.known()),
        "doubted": sum(bool(p.doubted) for p in pairs),
        "redone": session.redone,
        "ended": session.step is Step.DONE,
    }


class _Simulated:
    """The simulated person, whose words are shown."""

    def __init__(self, bench: Bench, session: Session, meter: Meter | None) -> None:
        self._bench = bench
        self._session = session
        self._meter = meter

    def answer(self, question: Question) -> str:
        text = "" if question.step is Step.OURS else self._bench.answer(question, self._session)
        words.print(f"> {text}", style="dim", markup=False)
        return text

    def measure(self) -> Sequence[Channel]:
        assert self._session.cup is not None
        found = self._bench.measure(self._session.cup.lot)
        return found if self._meter is None else self._meter.sense(found)


class _Typing:
    """A person at the keyboard, with both meters."""

    def __init__(self, meter: Meter, reference: ReferenceMeter | None) -> None:
        self._meter = meter
        self._reference = reference

    def answer(self, question: Question) -> str:
        if question.step is not Step.REFERENCE or self._reference is None:
            return words.input("> ", markup=False)
        self._reference.forget()
        typed = words.input("Enter when it has measured, or its value > ", markup=False)
        if typed.strip():
            return typed
        with waiting("waiting for the professional meter"):
            value = self._reference.value()
        note(f"the professional meter says {value:g}")
        return f"{value:g}"

    def measure(self) -> Sequence[Channel]:
        with waiting("our meter reads"):
            return self._meter.measure()


def talk(session: Session, person: _Simulated | _Typing) -> None:
    """Question and answer until the session ends; what does not fit is said to a person, and asked again."""
    shown = None
    while session.step is not Step.DONE:
        question = session.question
        if question != shown:
            _show(session, question)
            shown = question
        try:
            text = person.answer(question)
            if question.step is Step.OURS and not text.strip():
                told = session.measured(person.measure())
            else:
                told = session.answer(text)
        except (AnswerError, BoardError) as error:
            if isinstance(person, _Simulated):
                # nobody is there to put it right
                raise
            words.print(str(error), style="yellow", markup=False)
            continue
        if told:
            words.print(told, style="green" if " kept" in told else None, markup=False)


def _show(session: Session, question: Question) -> None:
    kept = len(session.book.pairs)
    words.print()
    if question.step is Step.CUP:
        done = min(kept, session.target) * 24 // session.target
        words.print(f"[{'#' * done}{'.' * (24 - done)}] {kept} of {session.target} pairs", markup=False)
    style = "bold yellow" if question.step is Step.DOUBT else "bold"
    words.print(question.text, style=style, markup=False)
    if question.hint:
        words.print(question.hint, style="dim", markup=False)
