"""Which symbol follows which: the bits of each transition in a sparse table.

A transition that was never seen costs its row's default, a symbol outside the table a value of its own. The first symbol,
and the one after an unknown symbol, have no predecessor and cost nothing. Bits are in 1/16, at most 64 bits.

SEQN:

```
u16 symbols | u8 bytes of a transition's bits (2 where one is over 255, else 1) | u8 zero | u16 transitions | u16 unknown
u16 start [symbols + 1] | u16 default [symbols] | u16 successor [transitions] | u8 or u16 bits [transitions]
```

Row r's transitions are start[r] to start[r + 1], their successors ascending.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

MOST = 1024
SYMBOLS_MOST = 4096
TRANSITIONS_MOST = 65535
_ARRAYS = ("start", "default", "successor", "bits")


@dataclass(frozen=True, eq=False)
class Transitions:
    """A table of transitions.

    Attributes:
        start: (symbols + 1,), where each row begins.
        default: (symbols,), bits of a transition that a row does not hold, in 1/16.
        successor: (transitions,), ascending in each row.
        bits: (transitions,), in 1/16.
        unknown: bits of a symbol outside the table, in 1/16.
    """

    tag: ClassVar[str] = "SEQN"
    features: ClassVar[int] = 1
    outputs: ClassVar[int] = 1

    start: NDArray[np.int64]
    default: NDArray[np.int64]
    successor: NDArray[np.int64]
    bits: NDArray[np.int64]
    unknown: int

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = np.array(getattr(self, name), np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if any(getattr(self, name).ndim != 1 for name in _ARRAYS):
            raise QuantizeError("the table of a sequence has rows of numbers, not tables")
        count, transitions = len(self.default), len(self.successor)
        if not 1 <= count <= SYMBOLS_MOST or transitions > TRANSITIONS_MOST:
            raise QuantizeError(
                f"{count} symbols and {transitions} transitions: "
                f"1 to {SYMBOLS_MOST} and up to {TRANSITIONS_MOST} are possible"
            )
        if len(self.start) != count + 1 or len(self.bits) != transitions:
            raise QuantizeError("a sequence needs a start for each row and bits for each transition")
        if self.start[0] != 0 or self.start[-1] != transitions or (np.diff(self.start) < 0).any():
            raise QuantizeError("the rows of a sequence do not follow one another")
        if transitions and (self.successor.min() < 0 or self.successor.max() >= count):
            raise QuantizeError("a transition leads to a symbol outside the table")
        if (np.diff(self._keys) <= 0).any():
            raise QuantizeError("the successors of a symbol are not in ascending order")
        every = np.concatenate([self.default, self.bits, [self.unknown]])
        if every.min() < 0 or every.max() > MOST:
            raise QuantizeError(f"a transition's bits are outside 0..{MOST}")

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[tuple[int, int], float],
        symbols: int,
        *,
        smoothing: float = 0.5,
        unknown: float = 64,
    ) -> Transitions:
        """Learn the table with additive smoothing: `p = (count + a) / (row's count + a * symbols)`.

        Args:
            counts: how often the second symbol followed the first, as `Counter(itertools.pairwise(sequence))` gives it.
            symbols: how many there are; they are 0 to symbols - 1.
            smoothing: a, above 0.
            unknown: bits of a symbol outside the table.

        Raises:
            QuantizeError: a count or symbol is outside its range, or there are too many.
        """
        if not 1 <= symbols <= SYMBOLS_MOST:
            raise QuantizeError(f"{symbols} symbols; 1 to {SYMBOLS_MOST} are possible")
        if not (math.isfinite(smoothing) and smoothing > 0 and 0 <= unknown <= MOST / 16):
            raise QuantizeError(
                "the smoothing must be above 0 and the bits of an unknown symbol within 0..64"
            )
        totals = np.zeros(symbols)
        seen: dict[tuple[int, int], float] = {}
        for (first, second), count in counts.items():
            if not (0 <= first < symbols and 0 <= second < symbols):
                raise QuantizeError(f"the transition {first} to {second} is outside 0..{symbols - 1}")
            if not (math.isfinite(count) and count >= 0):
                raise QuantizeError(f"the count of {first} to {second} is {count}")
            totals[first] += count
            if count:
                seen[int(first), int(second)] = float(count)
        pairs = np.array(sorted(seen), np.int64).reshape(-1, 2)
        number = np.array([seen[a, b] for a, b in pairs.tolist()])
        room = totals + smoothing * symbols
        return cls(
            start=np.searchsorted(pairs[:, 0], np.arange(symbols + 1)),
            default=_sixteenths(smoothing / room),
            successor=pairs[:, 1],
            bits=_sixteenths((number + smoothing) / room[pairs[:, 0]]),
            unknown=math.floor(unknown * 16 + 0.5),
        )

    @property
    def symbols(self) -> int:
        """Number of symbols."""
        return len(self.default)

    @property
    def macs(self) -> int:
        """Steps of the search in the longest row, each counted as a multiplication with its loop."""
        return int(np.diff(self.start).max()).bit_length()

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one step; its own call counts as one."""
        return 1

    def run(self, symbols: ArrayLike) -> NDArray[np.int64]:
        """The bits of each symbol of one sequence (n,) or (n, 1) of integers, (n, 1) in 1/16, nothing before the first.

        Raises:
            QuantizeError: it is no single sequence.
        """
        x = np.asarray(symbols, np.int64)
        if x.ndim == 2 and x.shape[1] == 1:
            x = x[:, 0]
        if x.ndim != 1:
            raise QuantizeError(f"a sequence of shape {x.shape}: (n,) is expected")
        known = (x >= 0) & (x < self.symbols)
        result = np.where(known, 0, self.unknown)
        at = np.flatnonzero(known[1:] & known[:-1]) + 1
        before = x[at - 1]
        result[at] = self.default[before]
        if len(self.successor):
            key = before * self.symbols + x[at]
            place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
            found = self._keys[place] == key
            result[at[found]] = self.bits[place[found]]
        return result[:, None]

    def predict(self, symbols: ArrayLike) -> NDArray[np.int64]:
        """The bits (n,) in 1/16; see `run`."""
        return self.run(symbols)[:, 0]

    def to_bytes(self) -> bytes:
        """The layout above."""
        size = self._size
        head = struct.pack("<HBBHH", self.symbols, size, 0, len(self.successor), self.unknown)
        return head + b"".join(
            padded(getattr(self, name).astype(f"<u{size if name == 'bits' else 2}").tobytes())
            for name in _ARRAYS
        )

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Transitions:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold a table of transitions; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section SEQN")
        count, size, zero, transitions, unknown = reader.struct("HBBHH")
        if zero or size not in {1, 2}:
            raise ModelError(f"{reader.where}: bits of {size} bytes; 1 or 2 are possible")
        start, default = reader.array("u2", count + 1), reader.array("u2", count)
        successor, bits = reader.array("u2", transitions), reader.array(f"u{size}", transitions)
        reader.end()
        try:
            model = cls(start, default, successor, bits, unknown)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error
        if size != model._size:
            raise ModelError(f"{reader.where}: its bits would fit one byte each and take two")
        return model

    @property
    def _keys(self) -> NDArray[np.int64]:
        """Each transition as row * symbols + successor, ascending."""
        rows = np.repeat(np.arange(len(self.default)), np.diff(self.start))
        return np.asarray(rows * len(self.default) + self.successor, np.int64)

    @property
    def _size(self) -> int:
        return 2 if len(self.bits) and self.bits.max() > 255 else 1


def _sixteenths(p: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum(np.floor(-16 * np.log2(p) + 0.5), MOST).astype(np.int64)
