"""Alerts of a board, each once and in the order in which they were raised, whatever the line loses.

The board counts its alerts and keeps the latest until they are acknowledged (`firmware/canbean/lines.py`); one that is sent
again has the number of its first line. So the numbers that are missing and the board's count tell what to ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canbean.board import packets

if TYPE_CHECKING:
    from canbean.board.link import Lines, Record

AGAIN_S = 1.0
"""A question for alerts that brought no answer is asked again after so long,"""

QUIET_S = 0.15
"""or when no line at all has come for so long: an answer may be many lines, of which the last tells that it is one."""

RECENT = 1000
"""Alerts given out whose numbers are remembered until the board no longer keeps them; no board keeps more."""


class Alerts:
    """Puts the alerts of one board in order, and says what to send to it, without any input or output.

    Attributes:
        floor: number of the line before which all alerts have been given out.
        count: alerts of the board that are accounted for: given out, missed, or raised before we came; None
            before the board has said how many it keeps.
        given: alerts given out.
        missed: alerts that the board raised and no longer has.
    """

    def __init__(self, lines: Lines, floor: int = 0, count: int | None = None) -> None:
        """Take alerts from the line numbered `floor` on, when the board had raised `count`."""
        self.lines = lines
        self.floor = floor
        self.count = count
        self.given = 0
        self.missed = 0
        self._waiting: dict[int, Record] = {}
        self._recent: list[int] = []
        self._acknowledged = floor
        self._incomplete = False
        self._asked_at: float | None = None
        self._heard = False
        self._heard_at = 0.0

    @property
    def whole(self) -> bool:
        """Whether all alerts that the board spoke of are accounted for."""
        return not self._incomplete and not self._waiting

    def take(self, record: Record) -> list[Record]:
        """The alerts that may be given out now that this line has come, an alert or any other."""
        self._heard = True
        if record.values["type"] == "alert":
            self._waiting[record.values["seq"]] = record
        return self._give_out(self.lines.missing(self.floor))

    def told(self, record: Record) -> list[Record]:
        """The alerts that may be given out now that the board has said how many it raised, in an `ack` or a `kept` line."""
        values = record.values
        line, raised = values["seq"], values["alerts"]
        here = sum(number < line for number in self._waiting)
        if self.count is not None and self.count + here >= raised:
            # more than it raised: it counts anew
            self._incomplete = False
            self.count = raised - here
            return self._give_out(line)
        if values["type"] == "kept":
            self._asked_at = None
            first = values["first"]
            known = sum(first <= number < line for number in (*self._waiting, *self._recent))
            self._recent = [number for number in self._recent if number >= first]
            if known == values["kept"]:
                # all that it still has is here
                if self.count is not None:
                    self.missed += raised - self.count - here
                self._incomplete = False
                self.count = raised - here
                return self._give_out(line)
        self._incomplete = True
        return []

    def rest(self) -> list[Record]:
        """The alerts that wait for earlier ones, when these will never come."""
        return self._give_out(max(self._waiting, default=-1) + 1)

    def packet(self, now: float) -> bytes:
        """What to send to the board: a question, an acknowledgement, or nothing."""
        if self._heard:
            self._heard, self._heard_at = False, now
        if self._incomplete and (
            self._asked_at is None
            or now - self._asked_at > AGAIN_S
            or now - max(self._asked_at, self._heard_at) > QUIET_S
        ):
            return self.question(now)
        if self._recent and self._recent[-1] >= self._acknowledged:
            return self.acknowledgement()
        return b""

    def question(self, now: float) -> bytes:
        """A packet that acknowledges what is here and asks for what is not."""
        self._asked_at = now
        self._acknowledged = self.floor
        return packets.got(self.floor, self.lines.boot, again=True)

    def acknowledgement(self) -> bytes:
        """A packet that acknowledges what is here."""
        self._acknowledged = self.floor
        return packets.got(self.floor, self.lines.boot, again=False)

    def _give_out(self, floor: int) -> list[Record]:
        self.floor = max(self.floor, floor)
        numbers = sorted(number for number in self._waiting if number < self.floor)
        self._recent = [*self._recent, *numbers][-RECENT:]
        self.given += len(numbers)
        if self.count is not None:
            self.count += len(numbers)
        return [self._waiting.pop(number) for number in numbers]
