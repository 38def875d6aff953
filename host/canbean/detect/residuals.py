"""From what a model makes of signals to bits: each signal's error, normalised, held in a leaky mean, told in sixteenths of a bit.

* An error is `u = (|x - expected| * p >> (s - 1)) + 1 >> 1`, in 1/870 of what is usual of it (`tiny.deviation`), with its sign.
* The mean is `m += (16 * clamp(u, -cap, cap) - m) >> 3`: an error must last. The level is `min(|m|, 32 * |u|)`: one that is over is
  forgotten at once.
* Its bits are `base + (slope * (bucket(level) - edge) >> 6)` beyond the edge: an exponential tail of its logarithm (`tails.py`), tempered
  by held-back traffic. A signal whose held-back errors are not small against its own changes is not judged.
* The window's bits are those of the most surprising signal, at most 1024.
* Relations are known where clean traffic was. A sample in which several ids leave their ranges, widened a little, is not judged, and
  the state begins anew after it: they agree on something new. What one id alone says is judged. In a state's first samples no error
  counts.

The twin of `firmware/canbean/residuals.py`. In a section, arrays padded to 4 bytes:

```
u16 edge [d] (65535: not judged) | u16 base [d] | u16 slope [d] | u16 cap [d]
i16 low [d] | i16 high [d]
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.tails import excess, fit_tail, threshold
from canbean.detect.windows import Gate
from canbean.errors import ModelError
from canbean.tiny.dense import INT16
from canbean.tiny.deviation import PER_SIGMA, quantize_sigma
from canbean.tiny.fixed import bucket
from canbean.tiny.packing import padded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.tiny.packing import Reader

UNJUDGED = 65_535
CAP_BITS = 1024
CAP_MOST = 32_767
LEAK = 3
"""The mean moves by an eighth of the difference with each sample: its memory is 0.8 s."""
PRESENT = 1
"""Logarithm of how far the mean may exceed the error of the moment."""
USUAL = int(PER_SIGMA)
"""Steps of a normalised error to one that is usual."""
FINEST = 8
"""Steps of a feature below which no error is resolved."""
QUANTILE, LIMIT = 0.999, 8.0
"""Errors are capped at so many times what so large a share of the clean ones stays below."""
ERROR_MOST = 0.1
"""Share of a signal's variance that its held-back errors have at most."""
GATE = 2, 3
"""An alert takes so many of so many samples."""
WARM = 8
"""Samples after a state's begin whose errors do not count."""
SETTLE = 24
"""Samples after it in which the means are still small."""
WIDER = 0.05
"""Of a signal's range in clean traffic, by which it may pass it at either end."""
BLOCK = 100
"""Samples of which only the most surprising one counts where the gate is set."""


@dataclass(frozen=True, eq=False)
class Scale:
    """How errors are normalised: int64 (d,) each, of `deviation.quantize_sigma`."""

    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]

    @classmethod
    def of(cls, errors: NDArray[np.int64]) -> Scale:
        """The root mean square of clean errors (n, d) in 1/4096 as one usual error."""
        usual = np.sqrt((errors.astype(np.float64) ** 2).mean(axis=0))
        return cls(*quantize_sigma(np.clip(usual, FINEST, 32_767 * 64) / 4096))

    def normalised(self, errors: NDArray[np.int64]) -> NDArray[np.int64]:
        """Errors (..., d) in 1/4096 in 1/870 of a usual error, with their signs."""
        size = ((np.abs(errors) * self.multiplier >> (self.shift - 1)) + 1) >> 1
        return np.asarray(np.sign(errors) * size, np.int64)


@dataclass(frozen=True, eq=False)
class Residuals:
    """The tails of d signals; int64 (d,) each.

    Attributes:
        edge: buckets of the level beyond which it surprises, `UNJUDGED` where the signal is not judged.
        base: sixteenths of a bit at the edge.
        slope: sixteenths of a bit an octave beyond it.
        cap: of the normalised error.
        low, high: of the signal's feature in clean traffic, widened.
    """

    edge: NDArray[np.int64]
    base: NDArray[np.int64]
    slope: NDArray[np.int64]
    cap: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Bool (d,): which signals are judged."""
        return np.asarray(self.edge != UNJUDGED)

    @classmethod
    def learn(
        cls,
        x: NDArray[np.int64],
        error: NDArray[np.int64],
        first: NDArray[np.bool_],
        *,
        later: NDArray[np.bool_],
        judged: NDArray[np.bool_],
    ) -> Residuals:
        """Tails of clean errors.

        Args:
            x: (w, d), features of the signals.
            error: (w, d), normalised.
            first: (w,), where a state begins anew.
            later: (w,), the held-back windows; the others were fitted.
            judged: (d,), which signals are worth it.
        """
        size = np.abs(error)
        usual = [np.quantile(size[part], QUANTILE, axis=0) for part in (later, ~later)]
        cap = np.clip(np.ceil(LIMIT * np.maximum(*usual)), 1, CAP_MOST).astype(np.int64)
        level = bucket(levels(error, first, cap))
        settled = since(first) >= SETTLE
        edge, base, slope = (np.zeros(len(cap), np.int64) for _ in range(3))
        for column in range(len(cap)):
            known, held = level[settled & ~later, column], level[settled & later, column]
            tail = fit_tail(known, upper=True)
            most = float(tail.bits((held - tail.edge).astype(np.int64)).max(initial=0.0))
            tail = tail.tempered(most, float(np.log2(len(held) + 1)) + 1)
            edge[column] = tail.edge
            base[column] = np.clip(round(16 * tail.base), 0, CAP_BITS)
            slope[column] = np.clip(round(16 * 64 * tail.slope), 1, 16_384)
        low, high = x.min(axis=0), x.max(axis=0)
        room = np.ceil(WIDER * (high - low)).astype(np.int64)
        ends = np.clip([low - room, high + room], -INT16, INT16)
        return cls(np.where(judged, edge, UNJUDGED), base, slope, cap, ends[0], ends[1])

    def known(self, x: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which samples (w, d) lie where clean traffic was but for one id, bool (w,); `group` (d,) tells the ids."""
        out = (x < self.low) | (x > self.high)
        ids = [out[:, group == one].any(axis=1) for one in np.unique(group)]
        return np.asarray(np.sum(ids, axis=0) <= 1)

    def bits(self, level: NDArray[np.int64]) -> NDArray[np.int64]:
        """Levels (w, d) to the bits of the window (w,)."""
        beyond = bucket(level) - self.edge
        each = np.where(beyond > 0, self.base + (self.slope * beyond >> 6), 0)
        return np.asarray(np.minimum(each.max(axis=1, initial=0), CAP_BITS), np.int64)

    def gate(
        self, bits: NDArray[np.int64], first: NDArray[np.bool_], hours: float, per_hour: float = 1.0
    ) -> Gate:
        """The gate that held-back bits (w,) would open `per_hour` times an hour."""
        need, of = GATE
        level = sustained(bits, first, need, of)
        # Neighbours say the same: what is surprising within ten seconds is one surprise.
        peaks = level[: len(level) // BLOCK * BLOCK].reshape(-1, BLOCK).max(axis=1)
        more = excess(np.sort(peaks[peaks > 0])[::-1] / 16, len(level))
        return Gate(threshold(len(level) / hours, per_hour, more), need, of)

    def to_bytes(self) -> bytes:
        """The layout above."""
        tails, ends = (self.edge, self.base, self.slope, self.cap), (self.low, self.high)
        arrays = [a.astype("<u2") for a in tails] + [a.astype("<i2") for a in ends]
        return b"".join(padded(array.tobytes()) for array in arrays)

    @classmethod
    def parse(cls, reader: Reader, count: int) -> Residuals:
        """Read the layout above and stop behind it.

        Raises:
            ModelError: it ends early or a number is outside its range.
        """
        edge, base, slope, cap = (reader.array("u2", count) for _ in range(4))
        judged = edge != UNJUDGED
        # slope * bucket stays below 2**30: a bucket is below 2**11
        if (
            (edge[judged] > 2048).any()
            or base.max() > CAP_BITS
            or slope.max() > 16_384
            or cap.max() > CAP_MOST
        ):
            raise ModelError(f"{reader.where}: a tail is outside its range")
        low, high = (reader.array("i2", count) for _ in range(2))
        return cls(edge, base, slope, cap, low, high)


def levels(error: NDArray[np.int64], first: NDArray[np.bool_], cap: NDArray[np.int64]) -> NDArray[np.int64]:
    """Levels (w, d) of normalised errors (w, d), from 0 wherever a state begins anew and until it is warm."""
    capped = np.where((since(first) < WARM)[:, None], 0, np.clip(error, -cap, cap)) << 4
    means = np.empty_like(capped)
    mean = np.zeros(error.shape[1], np.int64)
    for now, begins in enumerate(first.tolist()):
        if begins:
            mean = np.zeros_like(mean)
        mean = mean + ((capped[now] - mean) >> LEAK)
        means[now] = mean
    return np.asarray(np.minimum(np.abs(means), np.abs(capped) << PRESENT), np.int64)


def since(first: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 (w,): windows since the state began."""
    number = np.arange(len(first))
    return np.asarray(number - np.maximum.accumulate(np.where(first, number, 0)), np.int64)


def sustained(bits: NDArray[np.int64], first: NDArray[np.bool_], need: int, of: int) -> NDArray[np.int64]:
    """int64 (w,): the highest threshold at which a gate of `need` of `of` windows is open."""
    age = since(first)
    back = np.arange(of)
    rows = np.arange(len(bits))[:, None] - back
    seen = np.where(back <= age[:, None], bits[np.maximum(rows, 0)], 0)
    return np.asarray(np.minimum(bits, np.sort(seen, axis=1)[:, -need]), np.int64)
