"""What a pairing session asks, in words, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from canbean.roast.coverage import advise, gap
from canbean.roast.pairs import MINIMUM, MINIMUM_LOTS

if TYPE_CHECKING:
    from canbean.roast.pair_book import Book
    from canbean.roast.pairing import Session
    from canbean.roast.reading import Channel

WORDS = {"light": 0.75, "medium": 0.5, "dark": 0.25}
"""Where on the scale a lot lies whose owner says no more, as a share of it between its dark and its light coffee."""


class Step(Enum):
    """What the session waits for."""

    LOTS = "lots"
    DEGREE = "degree"
    CUP = "cup"
    OURS = "ours"
    REFERENCE = "reference"
    DOUBT = "doubt"
    DONE = "done"


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        step: what kind of answer is waited for.
        text: the question.
        hint: how to answer it.
        choices: answers to pick from, the first is what an empty answer means; none for free text.
    """

    step: Step
    text: str
    hint: str = ""
    choices: tuple[str, ...] = ()


@dataclass
class Cup:
    """The cup that stands there: what was read of its tamp so far."""

    lot: str
    name: str
    tamp: int
    ours: tuple[Channel, ...] | None = None
    reference: float | None = None

    @property
    def ours_first(self) -> bool:
        """Which meter begins; it alternates from tamp to tamp, and from cup to cup."""
        number = int(self.name) if self.name.isdecimal() else 0
        return (number + self.tamp) % 2 == 0

    def words(self) -> str:
        """What stands there."""
        return f"{self.lot}, cup {self.name}, tamp {self.tamp}"


def ask(session: Session) -> Question:
    """The question of the step that a session is at."""
    return _ASK[session.step](session)


def _lots(session: Session) -> Question:
    names = list(session.book.lots)
    have = f" So far {len(names)}: {'… ' if len(names) > 3 else ''}{', '.join(names[-3:])}." if names else ""
    more = "Which other roast?" if names else "Which roasts (lots) do you have? The first one?"
    return Question(
        Step.LOTS,
        f"{more}{have}",
        "Its name, as you will find it again. An empty answer: that is all." if have else "Its name.",
    )


def _degree(session: Session) -> Question:
    low, high = session.book.scale
    return Question(
        Step.DEGREE,
        f"About where does {session.naming} lie on the professional meter's scale?",
        f"A number of {low:g} to {high:g}, or light, medium, dark, or ? when you do not know.",
        ("?", *WORDS),
    )


def _cup(session: Session) -> Question:
    if unfinished := session.unfinished():
        return Question(
            Step.CUP,
            f"Go on with {unfinished.lot}, cup {unfinished.name}: "
            f"{unfinished.tamp - 1} of its {session.tamps} tamps are done.",
            "Enter to go on; next for another cup; done to end.",
            (unfinished.lot, "next", "done"),
        )
    return _next(session)


def _next(session: Session) -> Question:
    lots = session.book.known()
    advice = advise(lots)
    enough = "That is enough to fit; more makes it better. " if session.enough else ""
    wide = gap(lots)
    missing = (
        f" Nothing of yours lies between {wide[0]:.0f} and {wide[1]:.0f}: a roast of there would help."
        if wide
        else ""
    )
    others = [lot.name for lot in lots if lot.name != advice.lot]
    return Question(
        Step.CUP,
        f"{enough}Next: {advice.lot}, since {advice.why}.{missing} Grind and fill a cup.",
        "Enter when it is filled; another lot's name instead; add NAME for a new one; drop N takes pair N out; done to end.",
        (advice.lot, *others, "done"),
    )


def _ours(session: Session) -> Question:
    cup = session.cup
    assert cup is not None
    return Question(
        Step.OURS,
        f"{cup.words()}: {_tamp(cup)}put it on our meter.",
        "Enter when it lies there; back to correct.",
    )


def _reference(session: Session) -> Question:
    cup = session.cup
    assert cup is not None
    return Question(
        Step.REFERENCE,
        f"{cup.words()}: {_tamp(cup)}what does the professional meter say?",
        "A number; back to correct.",
    )


def _tamp(cup: Cup) -> str:
    """Said before whichever meter goes first."""
    if cup.ours is not None or cup.reference is not None:
        return "the same tamp: "
    return "tamp it, level; " if cup.tamp == 1 else "empty it, fill and tamp it again; "


def _doubt(session: Session) -> Question:
    why = "; ".join(doubt.words for doubt in session.doubts)
    return Question(
        Step.DOUBT,
        f"This looks odd: {why}{'' if why.endswith('?') else '.'}",
        "redo to measure this tamp again; back to correct the last value; keep to keep it all the same.",
        ("redo", "back", "keep"),
    )


def _done(session: Session) -> Question:
    return Question(Step.DONE, f"{summary(session.book)} They are in {session.book.path}.", "back to go on.")


_ASK = {
    Step.LOTS: _lots,
    Step.DEGREE: _degree,
    Step.CUP: _cup,
    Step.OURS: _ours,
    Step.REFERENCE: _reference,
    Step.DOUBT: _doubt,
    Step.DONE: _done,
}


def summary(book: Book) -> str:
    """How many pairs are kept, and whether they can be fitted."""
    kept, lots = len(book.pairs), len({pair.lot for pair in book.pairs})
    lacking = []
    if kept < MINIMUM:
        lacking.append(f"{MINIMUM} pairs")
    if lots < MINIMUM_LOTS:
        lacking.append(f"{MINIMUM_LOTS} lots")
    more = f"; a fit needs at least {' and '.join(lacking)}" if lacking else ""
    return (
        f"{kept} pair{'' if kept == 1 else 's'} of {lots} lot{'' if lots == 1 else 's'} "
        f"{'is' if kept == 1 else 'are'} kept{more}."
    )


def as_json(session: Session) -> dict[str, Any]:
    """The session as the page shows it."""
    asked = session.question
    return {
        "step": asked.step.value,
        "text": asked.text,
        "hint": asked.hint,
        "choices": list(asked.choices),
        "summary": summary(session.book),
        "kept": len(session.book.pairs),
        "target": session.target,
        "scale": list(session.book.scale),
        "file": session.book.path.name,
        "lots": [
            {"name": lot.name, "degree": lot.degree, "measured": bool(lot.cups), "cups": lot.cups}
            for lot in session.book.known()
        ],
        "references": [pair.reference for pair in session.book.pairs],
        "pairs": [
            {"number": p.number, "lot": p.lot, "cup": p.cup, "tamp": p.tamp, "reference": p.reference}
            for p in session.book.pairs[-12:]
        ],
    }
