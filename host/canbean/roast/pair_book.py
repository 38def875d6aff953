"""The pairs and lots of a session, kept in a journal beside the CSV that `roast fit` reads.

The journal is what counts: a record is on the disk before a pair is said to be kept, and the CSV is written anew from
it, whole, after each. A session that is killed at any moment goes on with every pair that was confirmed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import PairsError
from canbean.files import read_bytes, writable, write_bytes
from canbean.roast import pairs as table
from canbean.roast.coverage import Lot
from canbean.roast.doubts import Pair
from canbean.roast.journal import Journal
from canbean.roast.reading import TEMPERATURE, Channel

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

VERSION = 1


@dataclass(frozen=True)
class Kept(Pair):
    """A confirmed pair.

    Attributes:
        tamp: of its cup, from 1.
        unit: which of our meters read it.
        ours_first: whether our meter read it before the professional one.
        doubted: kinds of doubts that a person set aside.
    """

    tamp: int = 1
    unit: str = ""
    ours_first: bool = True
    doubted: tuple[str, ...] = ()


class Book:
    """What a session has.

    Attributes:
        path: the CSV; the journal is beside it, with `.journal` at its end.
        lots: names to where on the scale the owner expects them, None when he does not know.
        pairs: those that are kept, in order.
        scale: lowest and highest value of the professional meter.
        resumed: whether there was something to go on with.
        notices: what a person should know of how it was found.
    """

    def __init__(self, path: str | os.PathLike[str], scale: tuple[float, float]) -> None:
        """Open a session's files: its journal, else a CSV that is there already, else anew.

        Raises:
            FileError: the folder is missing, or a file cannot be read or written.
            PairsError: the journal is damaged, of another scale, or the CSV was changed since the journal wrote it.
        """
        self.path = Path(path)
        writable(self.path)
        self._journal = Journal(self.path.with_name(self.path.name + ".journal"))
        self.scale = scale
        self.lots: dict[str, float | None] = {}
        self.pairs: list[Kept] = []
        self.columns: tuple[tuple[str, int], ...] = ()
        self.notices: list[str] = []
        self._planned: list[dict[str, Any]] = []
        self._before = b""
        self._cup = self._number = 0
        self._written = {_digest(b"")}
        if self._journal.cut:
            self.notices.append(
                "the last entry was half written when the session ended: it was not confirmed"
            )
        self.resumed = bool(self._journal.records)
        if self.resumed:
            for number, record in enumerate(self._journal.records, 1):
                try:
                    self._take(record)
                except (KeyError, TypeError, ValueError) as error:
                    raise PairsError(
                        f"{self._journal.path}, line {number}: makes no sense here: {error}"
                    ) from error
                # the CSV is at most one pair behind
                if self.pairs and number > len(self._journal.records) - 3:
                    self._written.add(_digest(self.text().encode()))
        else:
            self._plan({"session": VERSION, "scale": list(scale)})
        if self.path.exists():
            content = read_bytes(self.path, "pairs file")
            if not content and not self.resumed:
                self.notices.append(f"{self.path} is there and empty: a new session begins in it")
            self._meet_csv(content)
        if not self._planned:
            self._save()

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self._journal.path

    @property
    def next_cup(self) -> str:
        """A name for a cup that no cup has had."""
        return str(self._cup + 1)

    def known(self) -> list[Lot]:
        """The lots with what was measured of them."""
        found = []
        for name, expected in self.lots.items():
            own = [pair for pair in self.pairs if pair.lot == name]
            references = tuple(pair.reference for pair in own)
            found.append(Lot(name, expected, references, len({pair.cup for pair in own})))
        return found

    def expect(self, columns: Sequence[tuple[str, int]], unit: str) -> None:
        """Whether pairs of these channels, read by this unit, may go beside those that are kept: asked before the first cup.

        Args:
            columns: name and decimals of each channel.
            unit: name of the meter.

        Raises:
            PairsError: they are of another kind; the message says what to do.
        """
        if not self.columns:
            return
        if tuple(columns) != self.columns:
            if (counted := _counted(columns)) != _counted(self.columns):
                ours, given, cure = "reflectances in percent", "counts", "leave out --counts"
                if not counted:
                    ours, given, cure = given, ours, "give --counts"
                raise PairsError(
                    f"{self.path}: holds {ours}, and this meter gives {given}: {cure}, or pair into another file"
                )
            raise PairsError(
                f"{self.path}: its pairs are {_columns(self.columns)}, and this meter gives {_columns(columns)}: pair into "
                "another file"
            )
        others = {pair.unit for pair in self.pairs} - {unit, ""}
        for other in sorted(others):
            if other.startswith(table.SIMULATED) != unit.startswith(table.SIMULATED):
                raise PairsError(
                    f"{self.path}: holds pairs of {other}, this is {unit}: what is simulated and what was measured do not go "
                    "into one file: pair into another"
                )
            if _counted(columns):
                raise PairsError(
                    f"{self.path}: holds counts of the unit {other}, which are of that unit alone, and this is {unit}: pair into "
                    f"another file, or give --unit {other} if it is the same"
                )

    def add_lot(self, name: str, expected: float | None) -> None:
        """Take up a lot, or change where it is expected."""
        self._write({"lot": name, "expected": expected})

    def drop_lot(self, name: str) -> None:
        """Forget a lot of which no pair is kept."""
        self._write({"without": name})

    def keep(self, pair: Kept, channels: Sequence[Channel]) -> Kept:
        """Confirm a pair: when this returns, the disk has it.

        Raises:
            FileError: the disk does not take it.
            PairsError: its channels are not those of the pairs before it.
        """
        columns = tuple((c.name, c.decimals) for c in channels)
        if self.columns and columns != self.columns:
            raise PairsError(
                f"{self.path}: its pairs are {_columns(self.columns)}, and the meter now gives {_columns(columns)}: "
                "pair into another file"
            )
        if not self.columns:
            self._write({"columns": [list(c) for c in columns]})
        self._write(
            {
                "pair": {
                    **{key: getattr(pair, key) for key in ("lot", "cup", "tamp", "unit", "reference")},
                    "channels": dict(pair.channels),
                    "ours_first": pair.ours_first,
                    "doubted": list(pair.doubted),
                }
            }
        )
        self._save()
        return self.pairs[-1]

    def take_back(self, number: int) -> Kept:
        """Drop a kept pair by its number; the others keep theirs.

        Raises:
            PairsError: there is no such pair.
        """
        for pair in self.pairs:
            if pair.number == number:
                self._write({"back": number})
                self._save()
                return pair
        raise PairsError(f"there is no pair {number}")

    def channels_of(self, pair: Kept) -> tuple[Channel, ...]:
        """What our meter said of a kept pair."""
        return tuple(Channel(name, pair.channels[name], decimals) for name, decimals in self.columns)

    def as_pairs(self) -> table.Pairs:
        """The kept pairs as `roast fit` takes them."""
        lots = tuple(dict.fromkeys(pair.lot for pair in self.pairs))
        values = [[pair.channels[name] for name, _ in self.columns] for pair in self.pairs]
        return table.Pairs(
            name=str(self.path),
            lots=lots,
            lot=np.array([lots.index(pair.lot) for pair in self.pairs], np.int64),
            reference=np.array([pair.reference for pair in self.pairs], np.float64),
            channel_names=tuple(name for name, _ in self.columns),
            channels=np.array(values, np.float64).reshape(len(self.pairs), len(self.columns)),
            decimals=tuple(decimals for _, decimals in self.columns),
            cup=tuple(pair.cup for pair in self.pairs),
            unit=tuple(pair.unit for pair in self.pairs),
        )

    def text(self) -> str:
        """The CSV of what is kept; `""` before the first pair."""
        return table.text(self.as_pairs()) if self.pairs else ""

    def _write(self, record: dict[str, Any]) -> None:
        if self._before:
            write_bytes(self._copy, self._before)
            self._before = b""
        while self._planned:
            self._journal.append(self._planned[0])
            del self._planned[0]
        self._journal.append(record)
        self._take(record)

    def _plan(self, record: dict[str, Any]) -> None:
        """A record that is written before the next: a session that is refused at its start leaves no files."""
        self._planned.append(record)
        self._take(record)

    @property
    def _copy(self) -> Path:
        """Of the CSV as it was before there was a journal."""
        return self.path.with_name(self.path.name + ".before")

    def _take(self, record: dict[str, Any]) -> None:
        """What a record means; the same when it is written and when it is read again."""
        match record:
            case {"session": version, "scale": [low, high]}:
                if version != VERSION:
                    raise ValueError(f"it is of version {version}: use the canbean that wrote it")
                if (low, high) != tuple(self.scale):
                    raise ValueError(f"the session is on the scale {low:g}:{high:g}: give it with --scale")
            case {"lot": str(name), "expected": float() | int() | None as expected}:
                self.lots[name] = expected
            case {"without": name}:
                del self.lots[name]
            case {"columns": [*columns]}:
                self.columns = tuple((str(name), int(decimals)) for name, decimals in columns)
            case {"pair": dict(told)}:
                self._add(told)
            case {"imported": [*rows], "digest": digest}:
                for told in rows:
                    self._add(told)
                self._written.add(digest)
            case {"back": number}:
                self.pairs = [pair for pair in self.pairs if pair.number != number]
            case _:
                raise ValueError("no such entry is known")

    def _add(self, told: dict[str, Any]) -> None:
        self._number += 1
        pair = Kept(**{**told, "doubted": tuple(told["doubted"])}, number=self._number)
        self.pairs.append(pair)
        self.lots.setdefault(pair.lot, None)
        if pair.cup.isdecimal():
            self._cup = max(self._cup, int(pair.cup))

    def _meet_csv(self, content: bytes) -> None:
        """What to do with a CSV that is there: it is ours, or was there before, or somebody changed it."""
        if _digest(content) in self._written:
            return
        if self._number:
            raise PairsError(
                f"{self.path}: was changed since this session wrote it: put {self.journal.name} elsewhere "
                "to go on from the CSV as it is, or the CSV to go on from the journal"
            )
        self._import()

    def _import(self) -> None:
        """Pairs that were measured before there was a journal; a copy of their file is kept."""
        found = table.read(self.path)
        self._before = found.source
        columns = list(zip(found.channel_names, found.decimals, strict=True))
        if not _counted(columns):
            # a spreadsheet drops zeros at the end
            columns = [(name, d if name == TEMPERATURE else max(d, 3)) for name, d in columns]
        self._plan({"columns": [list(c) for c in columns]})
        tamps: Counter[tuple[str, str]] = Counter()
        rows = []
        for k in range(len(found)):
            lot, cup = found.lots[found.lot[k]], found.cup[k] if found.cup else str(k + 1)
            tamps[lot, cup] += 1
            rows.append(
                {
                    "lot": lot,
                    "cup": cup,
                    "tamp": tamps[lot, cup],
                    "unit": found.unit[k] if found.unit else "",
                    "reference": float(found.reference[k]),
                    "channels": dict(zip(found.channel_names, found.channels[k].tolist(), strict=True)),
                    "ours_first": True,
                    "doubted": [],
                }
            )
        # one record: a session that is killed here has all of them or none
        self._plan({"imported": rows, "digest": found.digest})
        self.resumed = True
        self.notices += [
            f"{len(found)} pairs were in {self.path} before: the session goes on from them; {self._copy.name} is a copy",
            *found.warnings,
        ]

    def _save(self) -> None:
        if self.pairs or self.path.exists():
            content = self.text().encode()
            self._written.add(_digest(content))
            write_bytes(self.path, content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _counted(columns: Sequence[tuple[str, int]]) -> bool:
    """Whether the light channels are counts: whole numbers."""
    return all(decimals == 0 for name, decimals in columns if name != TEMPERATURE)


def _columns(columns: Sequence[tuple[str, int]]) -> str:
    kind = "counts" if _counted(columns) else "reflectances"
    return f"{kind} ({', '.join(f'{name} with {decimals} decimals' for name, decimals in columns)})"
