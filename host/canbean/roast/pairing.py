"""A session of pair sampling: what to ask next, and what an answer means.

It asks, and is answered, in words and numbers: the terminal, the page and the simulated person do the same. Each cup is
tamped three times; which meter goes first alternates from tamp to tamp and from cup to cup, so that a cup that cools or
settles does not favour one of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from canbean.errors import PairsError
from canbean.roast.coverage import advise
from canbean.roast.doubts import Doubt, doubts, odd_ones
from canbean.roast.pair_book import Kept
from canbean.roast.pair_questions import WORDS, Cup, Question, Step, ask
from canbean.roast.pairs import MINIMUM, MINIMUM_LOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canbean.roast.pair_book import Book
    from canbean.roast.reading import Channel

TAMPS = 3
TARGET = 60
"""Pairs that a unit is fitted well with: what `tools/bench roast` measures."""
COFFEE = (0.14, 0.83)
"""Share of the scale that coffee takes: degrees 25 to 150 of 180."""
RESERVED = {"back", "done", "quit", "add", "drop", "redo", "keep", "help", "next"}
NAME_MOST = 48
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:[.,]\d{1,9})?", re.ASCII)


class AnswerError(PairsError):
    """An answer that does not fit the question: say why, and ask again."""


class Session:
    """A session; `question` says what it waits for.

    Attributes:
        book: the lots and pairs that are kept.
        step: what it waits for.
        cup: the cup that stands there, None between two.
        naming: the lot whose degree is asked.
        doubts: what is odd about the pair that waits to be kept.
        redone: pairs that were measured again or taken back.
    """

    def __init__(self, book: Book, unit: str, tamps: int = TAMPS, target: int = TARGET) -> None:
        """Begin, or go on where the book ends.

        Args:
            book: of the session.
            unit: name of our meter.
            tamps: of each cup.
            target: pairs that are enough.
        """
        self.book = book
        self.unit = unit
        self.tamps = tamps
        self.target = target
        self.doubts: list[Doubt] = []
        self.redone = 0
        self.cup: Cup | None = None
        self.naming = ""
        self._told: set[int] = set()
        self._asked_from = Step.LOTS
        self.step = Step.CUP if book.pairs else Step.LOTS

    @property
    def question(self) -> Question:
        """What is asked now."""
        return ask(self)

    @property
    def enough(self) -> bool:
        """Whether as many pairs as wanted are kept, of lots enough to fit."""
        lots = {pair.lot for pair in self.book.pairs}
        return len(self.book.pairs) >= max(self.target, MINIMUM) and len(lots) >= MINIMUM_LOTS

    def answer(self, text: str) -> str:
        """Take an answer to the question.

        Returns:
            What to say about it, `""` for nothing.

        Raises:
            AnswerError: it does not fit the question, which stays; the message says why.
            FileError: the disk does not take a pair.
        """
        words = " ".join(text.split())
        if words.lower() == "back":
            return self.back()
        if words.lower() == "done" and not (self.step is Step.LOTS and self.book.lots):
            return self._end()
        if self.step is Step.OURS:
            raise AnswerError("our meter reads by itself: press Enter when the cup lies on it, or type back")
        return getattr(self, f"_take_{self.step.value}")(words)  # type: ignore[no-any-return]

    def _take_lots(self, words: str) -> str:
        if not words or words.lower() == "done":
            if not self.book.lots:
                raise AnswerError("at least one roast is needed: type its name")
            self.step = Step.CUP
            few = len(self.book.lots) < MINIMUM_LOTS
            return f"a fit needs at least {MINIMUM_LOTS} lots: add more when you have them" if few else ""
        self._name(words)
        return ""

    def _name(self, name: str) -> None:
        """A lot is named; where it lies is asked next."""
        if name.lower() in RESERVED or not name.isprintable() or len(name) > NAME_MOST:
            raise AnswerError(f"{name[:NAME_MOST]!r} cannot name a lot: choose another name")
        self.naming, self.step, self._asked_from = self._lot(name) or name, Step.DEGREE, self.step

    def _lot(self, name: str) -> str | None:
        """A lot by its name, whatever the case of its letters."""
        return next((lot for lot in self.book.lots if lot.lower() == name.lower()), None)

    def _take_degree(self, words: str) -> str:
        low, high = self.book.scale
        expected = None
        if words.lower() in WORDS:
            share = COFFEE[0] + WORDS[words.lower()] * (COFFEE[1] - COFFEE[0])
            expected = low + (high - low) * share
        elif _NUMBER.fullmatch(words):
            expected = float(words.replace(",", "."))
            if not low <= expected <= high:
                raise AnswerError(f"{expected:g} is outside of the scale {low:g} to {high:g}")
        elif words not in {"?", ""}:
            raise AnswerError(
                f"{words[:24]!r}: give a number of {low:g} to {high:g}, light, medium, dark or ?"
            )
        self.book.add_lot(self.naming, expected)
        self.step = self._asked_from
        place = "nobody knows where" if expected is None else f"expected at about {expected:.0f}"
        return f"{self.naming}: {place}"

    def _take_cup(self, words: str) -> str:
        unfinished = self.unfinished()
        command, _, rest = words.partition(" ")
        if command.lower() == "drop" and rest:
            return self._drop(rest)
        if command.lower() == "add" and rest:
            self._name(rest)
            return ""
        if unfinished and (not words or words == unfinished.lot):
            self.cup = unfinished
            self._begin_tamp()
            return ""
        if not words or words.lower() == "next":
            words = advise(self.book.known()).lot
        found = self._lot(words)
        if found is None:
            raise AnswerError(
                f"{words[:NAME_MOST]!r} is no lot of this session ({', '.join(self.book.lots)}): "
                "add NAME takes up a new one"
            )
        self.cup = Cup(found, self.book.next_cup, 1)
        self._begin_tamp()
        return ""

    def unfinished(self) -> Cup | None:
        """The last cup, where tamps of it are missing and no other was begun."""
        if self.cup is None and self.book.pairs:
            last = self.book.pairs[-1]
            if last.tamp < self.tamps and last.cup.isdecimal():
                return Cup(last.lot, last.cup, last.tamp + 1)
        return None

    def _drop(self, number: str) -> str:
        if not number.isdecimal():
            raise AnswerError(f"drop {number[:12]}: give the number of a pair, such as drop 7")
        try:
            gone = self.book.take_back(int(number))
        except PairsError as error:
            raise AnswerError(str(error)) from None
        self.redone += 1
        return f"pair {gone.number} ({gone.lot}, cup {gone.cup}, {gone.reference:g}) is taken out"

    def _begin_tamp(self) -> None:
        assert self.cup is not None
        self.cup.ours = self.cup.reference = None
        self.step = Step.OURS if self.cup.ours_first else Step.REFERENCE

    def measured(self, channels: Sequence[Channel]) -> str:
        """Our meter has read the cup.

        Raises:
            AnswerError: nobody asked for it.
            FileError: the disk does not take a pair.
        """
        if self.step is not Step.OURS or self.cup is None:
            raise AnswerError("our meter is not asked now")
        self.cup.ours = tuple(channels)
        return self._complete(Step.REFERENCE)

    def _take_reference(self, words: str) -> str:
        assert self.cup is not None
        low, high = self.book.scale
        if not _NUMBER.fullmatch(words):
            said = f"{words[:24]!r} is not a number" if words else "nothing was typed"
            raise AnswerError(f"{said}: type what the professional meter shows, such as 78 or 78.5")
        value = float(words.replace(",", "."))
        if not low <= value <= high:
            raise AnswerError(f"{value:g} is outside of the professional meter's scale, {low:g} to {high:g}")
        self.cup.reference = value
        return self._complete(Step.OURS)

    def _complete(self, other: Step) -> str:
        """One meter has spoken; when both have, the pair is looked at and kept."""
        assert self.cup is not None
        if self.cup.ours is None or self.cup.reference is None:
            self.step = other
            return ""
        self.doubts = []
        pair = self._pair(self.cup)
        self.doubts = doubts(pair, self.book.pairs, self.book.scale)
        if self.doubts:
            self.step = Step.DOUBT
            return ""
        return self._keep(pair)

    def _pair(self, cup: Cup) -> Kept:
        assert cup.ours is not None
        assert cup.reference is not None
        return Kept(
            lot=cup.lot,
            cup=cup.name,
            channels={channel.name: channel.value for channel in cup.ours},
            reference=cup.reference,
            tamp=cup.tamp,
            unit=self.unit,
            ours_first=cup.ours_first,
            doubted=tuple(doubt.kind for doubt in self.doubts),
        )

    def _take_doubt(self, words: str) -> str:
        assert self.cup is not None
        if words.lower() == "keep":
            return self._keep(self._pair(self.cup))
        command, _, rest = words.partition(" ")
        if command.lower() == "drop" and rest:
            said = self._drop(rest)
            again = self._complete(Step.DOUBT)
            return f"{said}. {again}" if again else said
        if words.lower() in {"redo", ""}:
            self.redone += 1
            self.doubts = []
            self._begin_tamp()
            return "measured again"
        raise AnswerError("answer redo, back, keep, or drop and the number of a pair")

    def _take_done(self, _: str) -> str:
        raise AnswerError("the session has ended: back goes on with it")

    def _keep(self, pair: Kept) -> str:
        assert self.cup is not None
        assert self.cup.ours is not None
        kept = self.book.keep(pair, self.cup.ours)
        self.doubts = []
        said = f"pair {kept.number} is kept: {kept.lot}, cup {kept.cup}, {kept.reference:g}"
        if kept.doubted:
            self._told.add(kept.number)
        for one, doubt in odd_ones(self.book.pairs, self.book.scale):
            if one.number not in self._told:
                self._told.add(one.number)
                said += f". Pair {one.number} ({one.lot}) looks odd now: {doubt.words}; drop {one.number} takes it out"
        if self.cup.tamp < self.tamps:
            self.cup = Cup(self.cup.lot, self.cup.name, self.cup.tamp + 1)
            self._begin_tamp()
        else:
            self.cup = None
            self.step = Step.CUP
        return said

    def back(self) -> str:
        """Take the last input back, whatever it was.

        Raises:
            AnswerError: there is nothing to take back.
        """
        cup = self.cup
        if self.step is Step.DONE:
            self.step = Step.CUP if self.book.pairs else Step.LOTS
            self.cup = None
            return ""
        if self.step is Step.DEGREE:
            self.step = self._asked_from
            return ""
        if self.step is Step.LOTS:
            return self._lot_back()
        if cup is not None and (cup.ours is not None or cup.reference is not None):
            # the tamp's first value, or, when something is odd, its last
            if self.step is Step.DOUBT:
                self.doubts = []
                self._forget_last(cup)
                return "the last value is taken back"
            self._begin_tamp()
            return "the value is taken back"
        if cup is not None and cup.tamp == 1:
            self.cup, self.step = None, Step.CUP
            return ""
        if not self.book.pairs:
            self.step = Step.LOTS
            return ""
        return self._pair_back(self.book.pairs[-1])

    def _lot_back(self) -> str:
        free = [name for name in self.book.lots if all(pair.lot != name for pair in self.book.pairs)]
        if not free:
            raise AnswerError("there is nothing to take back")
        self.book.drop_lot(free[-1])
        return f"{free[-1]} is taken back"

    def _pair_back(self, last: Kept) -> str:
        """The last pair is not kept any more; its first value stands, its last is asked again."""
        self.book.take_back(last.number)
        self.redone += 1
        self.cup = Cup(last.lot, last.cup, last.tamp)
        if self.cup.ours_first:
            self._begin_tamp()
            self.cup.ours = self.book.channels_of(last)
            self.step = Step.REFERENCE
        else:
            self._begin_tamp()
            self.cup.reference = last.reference
            self.step = Step.OURS
        return f"pair {last.number} is taken back"

    def _forget_last(self, cup: Cup) -> None:
        if cup.ours_first:
            cup.reference, self.step = None, Step.REFERENCE
        else:
            cup.ours, self.step = None, Step.OURS

    def _end(self) -> str:
        self.step = Step.DONE
        self.cup = None
        self.doubts = []
        return ""
