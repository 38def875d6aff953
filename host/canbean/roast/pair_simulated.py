"""A simulated bench: lots, a simulated unit, a simulated professional meter, and a person who answers a session.

Nothing of it is real, and the unit's name says so in every row. Now and then the person swaps two digits, and takes
the session's word for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.roast import simulate
from canbean.roast.pair_questions import Step
from canbean.roast.pairs import SIMULATED
from canbean.roast.reading import TEMPERATURE, Channel, Reading, parse
from canbean.roast.scale import SCA_DEGREES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canbean.roast.pair_questions import Question
    from canbean.roast.pairing import Session

LOTS = 20
CUPS = 60
"""Tamps of each lot that are ready."""
SHOWN = 30
"""Readings of a cup that lies on the simulated meter, the first three of the empty window."""
GUESS = 8.0
"""Points (standard deviation) by which the person misjudges a lot before it is measured."""
REFERENCE = 0.75
"""Points (standard deviation) by which the professional meter differs from itself, before it rounds to whole points."""
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
        slips: float = SLIPS,
        used: Sequence[str] = (),
    ) -> None:
        """Roast `lots` lots, spread over the scale with some wander; `used` are those of tamps in an earlier session."""
        self._rng = np.random.default_rng([seed, unit, 0x9A12])
        step = (simulate.LIGHTEST - simulate.DARKEST) / lots
        true = simulate.DARKEST + step * (np.arange(lots) + self._rng.uniform(0, 1, lots))
        self._true = self._rng.permutation(true)
        self._places: dict[str, int] = {}
        self._names = [f"{SIMULATED}-lot-{k + 1}" for k in range(lots)]
        self._cups = simulate.read_cups(self._true, np.repeat(np.arange(lots), CUPS), seed, unit)
        self._used = [0] * lots
        for lot in used:
            self._used[self._place(lot)] += 1
        self._slip_share = slips
        self._slipped = False
        self._looked: tuple[str, int] | None = None
        self.unit = self._cups.unit[0]
        self.slips = 0
        self._shown = 0
        self._drawn = np.random.default_rng([seed, unit, 0x5EE])

    def measure(self, lot: str) -> list[Channel]:
        """What the unit reads of a fresh tamp of a lot."""
        k = self._place(lot)
        row = self._cups.channels[k * CUPS + self._used[k] % CUPS]
        self._used[k] += 1
        columns = zip(self._cups.channel_names, row.tolist(), self._cups.decimals, strict=True)
        found = []
        for name, value, decimals in columns:
            digits = min(decimals, DECIMALS[name == TEMPERATURE])
            found.append(Channel(name, round(value, digits), digits))
        return found

    def reading(self) -> Reading:
        """What a fitted meter might say of the cup that lies there: each lies for a while, and now and then none."""
        turn, step = divmod(self._shown, SHOWN)
        self._shown += 1
        if step < 3:
            return parse({"value": None, "quality": "empty", "t": float(self._shown)})
        value = float(self._true[turn % len(self._true)] + self._drawn.normal(0, 0.4))
        said = {"value": round(value, 1), "low": round(value - 3.2, 1), "high": round(value + 3.2, 1)}
        degree = next((name for name, limit in SCA_DEGREES if value >= limit), None)
        return parse({**said, "degree": degree, "quality": "ok", "stale": False, "t": float(self._shown)})

    def reference(self, lot: str) -> float:
        """What the professional meter says of a lot."""
        return float(np.rint(self._true[self._place(lot)] + self._rng.normal(0, REFERENCE)))

    def _place(self, lot: str) -> int:
        """A lot's number; one that a person named gets the next of the simulated coffees."""
        return self._places.setdefault(lot, len(self._places) % len(self._true))

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
            swapped != text
            and self._rng.random() < self._slip_share
            and scale[0] <= float(swapped) <= scale[1]
        )
        self.slips += self._slipped
        return swapped if self._slipped else text
