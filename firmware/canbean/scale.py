# How a meter's score in 1/256 point is shown: its text, the half width of its 90 % interval, the name of its degree.
# The layout of scal and the rules are in the host's canbean.roast.scale.
import struct
from array import array

from . import const
from .decimal import text

_HEAD = const(16)
# of a model that has no such section: one decimal, no interval
_PLAIN = b"\0\1\0\0\1" + bytes(11)


class Scale:
    def __init__(self, section):
        self.section = section = section or _PLAIN
        flags, self.decimals, knots, degrees, self.step = struct.unpack_from("<BBBBH", section)
        self.calibrated = flags & 1
        self.knots = 2 * knots
        # where the names begin
        self.names = _HEAD + 8 * knots + 4 * degrees
        if not self.step or self.decimals > 2 or len(section) < self.names:
            raise ValueError("section scal does not hold what it says")
        # scores and half widths of the knots, then the degrees' lower limits
        self.table = array("i", bytes(section[_HEAD : self.names]))

    # In 10**-decimals point, halves up.
    def rounded(self, score):
        step = self.step
        return (score * (1, 10, 100)[self.decimals] + 128 * step) // (256 * step) * step

    def words(self, score):
        return text(self.rounded(score), -self.decimals)

    # In 1/256 point, None where it is not known.
    def half(self, score):
        table = self.table
        end = self.knots
        if not end:
            return None
        if score <= table[0]:
            return table[1]
        for i in range(2, end, 2):
            if score < table[i]:
                s = table[i - 2]
                h = table[i - 1]
                return h + (table[i + 1] - h) * (score - s) // (table[i] - s)
        return table[end - 1]

    # None below the last.
    def degree(self, score):
        section, table = self.section, self.table
        n = self.rounded(score)
        at = self.names
        for i in range(self.knots, len(table)):
            at += 1 + section[at]
            if n >= table[i]:
                return str(section[at + 1 : at + 1 + section[at]], "ascii")
