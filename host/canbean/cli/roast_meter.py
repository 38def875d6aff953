"""Our meter in a session of pair sampling: opened again when its port went away, told apart by what it gives."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from canbean.board import settings
from canbean.board.roastmeter import fresh, open_meter, read_any, sensed
from canbean.cli.output import note
from canbean.cli.roast_options import UNIT
from canbean.errors import BoardError
from canbean.roast import reading
from canbean.roast.calibration import Calibration
from canbean.roast.kinds import column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canbean.board import Board, Record
    from canbean.roast.reading import Channel, Reading


def told(values: Mapping[str, Any], port: str, hello: Mapping[str, Any]) -> Reading:
    """A `reading` line of a meter on a port that said `hello`."""
    today = dt.datetime.now(tz=dt.UTC).astimezone().date()
    found = reading.dated(reading.parse(values, port), hello.get("calibration"), today)
    return replace(found, simulated=reading.simulated(hello))


class Meter:
    """Our meter.

    Attributes:
        unit: what it calls itself, None where it says nothing.
        simulated: whether it has no sensor.
    """

    def __init__(self, port: str, *, counts: bool, names: str | None) -> None:
        """Open it.

        Raises:
            BoardError: no roast meter answers.
        """
        self._port = port
        self._counts = counts
        self._names = None if names is None else [column(name.strip()) for name in names.split(",")]
        self._board: Board | None = None
        try:
            hello = self._opened().hello
        except BaseException:
            self.close()
            raise
        unit = hello.get("unit")
        self.simulated = reading.simulated(hello)
        self.unit = unit if isinstance(unit, str) and unit else None

    def named(self, unit: str | None) -> str:
        """The unit of its pairs: as a person calls it, or it itself; that of a simulated one always says so."""
        name = unit or self.unit or UNIT
        return (
            name
            if not self.simulated or name.startswith(reading.SIMULATED)
            else f"{reading.SIMULATED}-{name}"
        )

    def columns(self) -> tuple[tuple[str, int], ...]:
        """Name and decimals of each channel that it gives, whatever lies on it.

        Raises:
            BoardError: it has no sensor, or it is not calibrated and reflectances are wanted.
        """
        found = reading.parse(read_any(self._opened()).values, self._port)
        return reading.columns(self.channels(found, whatever=True))

    def _opened(self) -> Board:
        """The board, with its calibration, which is there whatever model is."""
        if self._board is None:
            self._board = open_meter(self._port)
            words = None if self._counts else dict(settings.read(self._board).lines).get("calibration")
            self._calibration = None if words is None else Calibration.parse(words)
        return self._board

    def channels(self, found: Reading, *, whatever: bool = False) -> list[Channel]:
        """The channels of a reading, for a pair; `whatever` lies there, where only the channels matter.

        Raises:
            BoardError: it may not be believed; the message says why.
        """
        give = reading.channels if whatever and found.quality not in reading.NOWHERE else reading.believed
        return give(found, self._names, counts=self._counts, calibration=self._calibration)

    def measure(self) -> list[Channel]:
        """The channels of the cup that lies there.

        Raises:
            BoardError: the meter went away, or there is no reading that may be believed; the message says why.
        """
        try:
            record = fresh(self._opened())
        except BoardError:
            self.close()
            raise
        return self._believed(record)

    def sense(self, simulated: Sequence[Channel]) -> list[Channel]:
        """The channels that a virtual board makes of what a simulated sensor counts.

        Raises:
            BoardError: the board went away, has a sensor of its own, or does not believe it.
        """
        assert self._board is not None
        counts = [round(channel.value) for channel in simulated if channel.name != reading.TEMPERATURE]
        warm = [round(16 * channel.value) for channel in simulated if channel.name == reading.TEMPERATURE]
        return self._believed(sensed(self._board, counts, warm[0] if warm else None))

    def _believed(self, record: Record) -> list[Channel]:
        hello = self._opened().hello
        found = told(record.values, self._port, hello)
        if not self._counts:
            for warning in found.warnings:
                note(f"warning: {warning}")
        return self.channels(found)

    def close(self) -> None:
        """Give the port free."""
        if self._board is not None:
            self._board.close()
        self._board = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
