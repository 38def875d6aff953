"""A simulated bench: lots, a simulated unit, a simulated professional meter, and a person who answers a session.

Nothing of it is real, and the unit's name says so in every row. Now and then the person swaps two digits, and takes
the session's word for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.roast import simulate
from canbean.roast.pair_questions import Step
from canbean.roast.reading import TEMPERATURE, Channel, Reading, parse
from canbean.roast.scale import SCA_DEGREES

if TYPE_CHECKING:
    from canbean.roast.pair_book import Book
    from canbean.roast.pair_questions import Question
    from canbean.roast.pairing import Session

LOTS = 20
TAMPS = 30
"""Of each lot that are ready."""
SHOWN = 30
"""Readings of a cup that lies on the simulated meter, the first three of the empty window."""
GUESS = 8.0
"""Points (standard deviation) by which the person misjudges a lot before it is measured."""
SLIPS = 0.06
"""Share of the values that are typed with two digits swapped."""
DECIMALS = (3, 2)
"""Digits of a light channel and of a temperature, at most: those that a board has."""


class Bench:
    """Coffee, two meters and a person; the same seed gives the same session.

    Attributes:
        unit: name of the simulated unit.
        slips: values typed wrong so far.
    """

    def __init__(
        self,
        seed: int = 0,
        unit: int = 0,
        lots: int = LOTS,
        book: Book | None = None,
        *,
        calibrated: bool = False,
    ) -> None:
        """Roast coffee.

        Args:
            seed: of everything.
            unit: which simulated meter reads it.
            lots: how many, spread over the scale.
            book: tells which tamps of them an earlier session had.
            calibrated: whether the unit gives reflectances, or its counts.
        """
        self._rng = np.random.default_rng([seed, unit, 0x9A12])
        self._tamps = simulate.pairs(lots, TAMPS, seed, unit, simulate.Setting(calibrated=calibrated))
        self._true = self._tamps.reference.reshape(lots, TAMPS).mean(axis=1)
        self._names = list(self._tamps.lots)
        self._places = {name: k for k, name in enumerate(self._names)}
        self._tamp = [0] * lots
        self._seen = [set[str]() for _ in range(lots)]
        for lot in book.lots if book else ():
            self._place(lot)
        for pair in book.pairs if book else ():
            self._tamp[self._place(pair.lot)] += 1
        self._slipped = False
        self._looked: tuple[str, int] | None = None
        self.unit = self._tamps.unit[0]
        self.slips = 0
        self._shown = 0
        self._drawn = np.random.default_rng([seed, unit, 0x5EE])

    def measure(self, lot: str) -> list[Channel]:
        """What the unit reads of the tamp of a lot that lies there."""
        return self._channels(self._row(lot, "ours"))

    def example(self) -> list[Channel]:
        """What the unit reads of some cup: of no lot that is asked for."""
        return self._channels(0)

    def _channels(self, row: int) -> list[Channel]:
        values = zip(self.columns, self._tamps.channels[row].tolist(), strict=True)
        return [Channel(name, round(value, digits), digits) for (name, digits), value in values]

    @property
    def columns(self) -> tuple[tuple[str, int], ...]:
        """Name and decimals of each channel that the unit gives."""
        given = zip(self._tamps.channel_names, self._tamps.decimals, strict=True)
        return tuple((name, min(decimals, DECIMALS[name == TEMPERATURE])) for name, decimals in given)

    def reference(self, lot: str) -> float:
        """What the professional meter says of the same tamp."""
        return float(self._tamps.reference[self._row(lot, "reference")])

    def _row(self, lot: str, meter: str) -> int:
        """The tamp that lies there; a meter that has read it reads the next."""
        k = self._place(lot)
        if meter in self._seen[k]:
            self._seen[k].clear()
            self._tamp[k] += 1
        self._seen[k].add(meter)
        return k * TAMPS + self._tamp[k] % TAMPS

    def _place(self, lot: str) -> int:
        """A lot's number; one that a person named is the next of the simulated coffees."""
        return self._places.setdefault(lot, len(self._places) % len(self._true))

    def reading(self) -> Reading:
        """What a fitted meter might say of the cup that lies there: each lies for a while, and now and then none."""
        turn, step = divmod(self._shown, SHOWN)
        self._shown += 1
        if step < 3:
            return self._told({"value": None, "quality": "empty"})
        value = float(self._true[turn % len(self._true)] + self._drawn.normal(0, 0.4))
        said = {"value": round(value, 1), "low": round(value - 3.2, 1), "high": round(value + 3.2, 1)}
        degree = next((name for name, limit in SCA_DEGREES if value >= limit), None)
        return self._told({**said, "degree": degree, "quality": "ok", "stale": False})

    def _told(self, said: dict[str, object]) -> Reading:
        return replace(parse({**said, "t": float(self._shown)}), simulated=True)

    def answer(self, question: Question, session: Session) -> str:
        """What the person types."""
        if question.step is Step.LOTS:
            return self._names[len(session.book.lots)] if len(session.book.lots) < len(self._names) else ""
        if question.step is Step.DEGREE:
            low, high = session.book.scale
            guess = self._true[self._place(session.naming)] + self._rng.normal(0, GUESS)
            return f"{min(max(guess, low), high):.0f}"
        if question.step is Step.REFERENCE:
            assert session.cup is not None
            return self._typed(f"{self.reference(session.cup.lot):g}", session.book.scale)
        if question.step is Step.DOUBT:
            return self._second_look(session)
        return "done" if session.enough and question.step is Step.CUP else ""

    def _second_look(self, session: Session) -> str:
        """The digits first, then the tamp; what is odd again may be the pair before, and is kept at last."""
        assert session.cup is not None
        slipped, self._slipped = self._slipped, False
        tamp = (session.cup.name, session.cup.tamp)
        again, self._looked = tamp == self._looked, tamp
        if slipped or (not again and any(doubt.kind != "fit" for doubt in session.doubts)):
            return "redo"
        beside = next((doubt.beside for doubt in session.doubts if doubt.beside is not None), None)
        return "keep" if beside is None else f"drop {beside}"

    def _typed(self, text: str, scale: tuple[float, float]) -> str:
        swapped = text[1] + text[0] + text[2:] if len(text) > 1 and text[0] != text[1] else text
        self._slipped = bool(
            swapped != text and self._rng.random() < SLIPS and scale[0] <= float(swapped) <= scale[1]
        )
        self.slips += self._slipped
        return swapped if self._slipped else text
