"""The front end of a regressor: sensor readings to standardised int16 features, 4096 to one standard deviation.

A channel computes, all in integers: clip the reading, take its logarithm where that was chosen, subtract the offset and
requantise. Where the feature is finer than half the reading, the difference is shifted left before, by `31 - shift`,
and clipped to what stays below 2**29; the feature has saturated long before that.

FEAT, without the score's scale that `canbean.tiny.regressor` appends:

```
u16 channels | u16 zero
a row a channel: u8 decimals, + 128 for log2 | u8 shift | i16 zero point | u16 m1 | u16 m0 | i32 offset
```
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.fixed import (
    ACCUMULATOR_LIMIT,
    SHIFT_MOST,
    SMALL_LIMIT,
    halves,
    joined,
    log2_q12,
    quantize_multiplier,
    requantize,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from canbean.tiny.packing import Reader

ONE = 4096
SATURATION = 32767
READING_LIMIT = (1 << 28) - 1
CHANNELS_MOST = 63
DECIMALS_MOST = 6
# Under this ratio of the largest to the smallest value a logarithm is as good as a straight line.
LOG_RATIO = 1.3
ROW = struct.Struct("<BBhHHi")
LOG_BIT = 128
SHIFT_LEAST = 2

Transform = Literal["linear", "log2"]


@dataclass(frozen=True)
class Channel:
    """How one sensor channel becomes a feature.

    Attributes:
        decimals: the board reads `round(value * 10**decimals)`.
        transform: `log2` (in 1/4096 octave) or `linear`.
        offset: subtracted, in units of the transformed reading.
        multiplier: of `fixed.requantize`.
        shift: a step of the transformed reading is `multiplier * 2**-shift` steps of the feature; 2 to 62.
        zero_point: added in the feature's unit; it carries the fraction of the offset.
    """

    decimals: int
    transform: Transform
    offset: int
    multiplier: int
    shift: int
    zero_point: int

    def __post_init__(self) -> None:
        fits = (
            0 <= self.decimals <= DECIMALS_MOST
            and self.transform in {"linear", "log2"}
            and abs(self.offset) <= SMALL_LIMIT >> 2
            and SMALL_LIMIT <= self.multiplier < 2 * SMALL_LIMIT
            and SHIFT_LEAST <= self.shift <= SHIFT_MOST
            and abs(self.zero_point) <= SATURATION
        )
        if not fits:
            raise QuantizeError("a channel's numbers do not fit their types")

    @classmethod
    def still(cls, decimals: int, offset: int = 0, transform: Transform = "linear") -> Channel:
        """A channel whose feature is always 0: its step is so small that no reading reaches half of one."""
        return cls(decimals, transform, offset, SMALL_LIMIT, SHIFT_MOST, 0)

    @classmethod
    def scaled(cls, decimals: int, transform: Transform, centre: float, gain: float) -> Channel:
        """A channel whose feature is `(transformed reading - centre) * gain`, rounded and saturated.

        Raises:
            QuantizeError: the gain or the centre is outside what a channel holds.
        """
        pre = max(0, math.frexp(gain)[1])
        multiplier, shift = quantize_multiplier(gain / 2**pre)
        offset = round(centre)
        # Where it is over 16 bits, one step of the reading is more than all features: they saturate all the same.
        zero_point = max(-SATURATION, min(SATURATION, round((offset - centre) * gain)))
        return cls(decimals, transform, offset, multiplier, shift - pre, zero_point)

    @property
    def never_changes(self) -> bool:
        """Whether it is like `still`."""
        return self.shift == SHIFT_MOST and self.multiplier == SMALL_LIMIT

    @property
    def gain(self) -> float:
        """Steps of the feature a step of the transformed reading."""
        return 0.0 if self.never_changes else self.multiplier * 2.0**-self.shift

    @property
    def limit(self) -> int:
        """To this the difference from the offset is clipped."""
        return (ACCUMULATOR_LIMIT - 1) >> max(0, 31 - self.shift)

    @classmethod
    def fit(
        cls, values: ArrayLike, decimals: int | None = None, transform: Transform | None = None
    ) -> Channel:
        """Learn a channel from its calibration values (n,).

        `decimals` not given: the fewest that reproduce the values, or resolve a thousandth of their standard
        deviation. `transform` not given: `log2` where all values are positive and their ratio is over 1.3.

        Raises:
            QuantizeError: a value is not finite or too large, or they vary by less than a board reads.
        """
        values = np.asarray(values, np.float64)
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise QuantizeError("a channel needs calibration values, all of them finite")
        if decimals is None:
            decimals = _decimals(values)
        readings = _rounded(values, decimals)
        if np.abs(readings).max() > READING_LIMIT:
            raise QuantizeError(f"a channel's largest value times 10**{decimals} is over {READING_LIMIT}")
        if transform is None:
            wide = readings.min() > 0 and readings.max() > LOG_RATIO * readings.min()
            transform = "log2" if wide else "linear"
        y = _transformed(readings, transform)
        mean, deviation = float(y.mean()), float(y.std())
        if deviation == 0:
            if values.std() > 1e-9 * np.abs(values).max():
                raise QuantizeError(
                    f"a channel varies by less than 10**-{decimals}: give it in a smaller unit"
                )
            return cls.still(decimals, round(mean), transform)
        return cls.scaled(decimals, transform, mean, ONE / deviation)

    def readings(self, values: ArrayLike) -> NDArray[np.int64]:
        """What the board would read for real values (any shape), rounded half up.

        Raises:
            QuantizeError: a value is not finite.
        """
        return _rounded(np.asarray(values, np.float64), self.decimals)

    def apply(self, readings: ArrayLike) -> NDArray[np.int64]:
        """Features in 1/4096 standard deviation for integer readings (any shape)."""
        y = _transformed(np.asarray(readings, np.int64), self.transform)
        pre = max(0, 31 - self.shift)
        difference = np.clip(y - self.offset, -self.limit, self.limit) << pre
        return requantize(
            difference, self.multiplier, self.shift + pre, self.zero_point, -SATURATION, SATURATION
        )


@dataclass(frozen=True)
class Features:
    """The front end: one `Channel` a column."""

    channels: tuple[Channel, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.channels) <= CHANNELS_MOST:
            raise QuantizeError(f"{len(self.channels)} channels: 1 to {CHANNELS_MOST} are possible")

    @classmethod
    def fit(
        cls,
        values: ArrayLike,
        decimals: Sequence[int | None] | None = None,
        transforms: Sequence[Transform | None] | None = None,
    ) -> Features:
        """Learn every column of calibration values (n, c); see `Channel.fit`.

        Raises:
            QuantizeError: a value is not finite or too large, or there are too many columns.
        """
        values = np.asarray(values, np.float64)
        if values.ndim != 2:
            raise QuantizeError("calibration values are a table: a row a sample, a column a channel")
        count = values.shape[1]
        return cls(
            tuple(
                Channel.fit(column, d, t)
                for column, d, t in zip(
                    values.T, decimals or [None] * count, transforms or [None] * count, strict=True
                )
            )
        )

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function for one row; see `canbean.tiny.cost`."""
        return len(self.channels) + sum(channel.transform == "log2" for channel in self.channels)

    @property
    def decimals(self) -> tuple[int, ...]:
        """Per channel: the board reads `round(value * 10**decimals)`."""
        return tuple(channel.decimals for channel in self.channels)

    def readings(self, values: ArrayLike) -> NDArray[np.int64]:
        """Real values (n, c) as the integers that a board reads, (n, c).

        Raises:
            QuantizeError: a value is not finite, or the table has another number of columns.
        """
        values = np.asarray(values, np.float64)
        self._check_columns(values)
        return np.stack([c.readings(values[:, i]) for i, c in enumerate(self.channels)], axis=1)

    def apply(self, readings: ArrayLike) -> NDArray[np.int64]:
        """Integer readings (n, c) to features (n, c) in 1/4096 standard deviation, within +-32767.

        Raises:
            QuantizeError: the table has another number of columns.
        """
        readings = np.asarray(readings, np.int64)
        self._check_columns(readings)
        return np.stack([c.apply(readings[:, i]) for i, c in enumerate(self.channels)], axis=1)

    def _check_columns(self, table: NDArray[Any]) -> None:
        if table.ndim != 2 or table.shape[1] != len(self.channels):
            raise QuantizeError(
                f"a table of shape {table.shape}: this model has {len(self.channels)} channels"
            )

    def to_bytes(self) -> bytes:
        """The layout above."""
        rows = []
        for c in self.channels:
            m1, m0 = halves(c.multiplier)
            log = LOG_BIT * (c.transform == "log2")
            rows.append(ROW.pack(c.decimals | log, c.shift, c.zero_point, int(m1), int(m0), c.offset))
        return struct.pack("<HH", len(self.channels), 0) + b"".join(rows)

    @classmethod
    def parse(cls, reader: Reader) -> Features:
        """Read the layout above and stop behind it.

        Raises:
            ModelError: it ends early or a number is outside its range.
        """
        count, zero = reader.struct("HH")
        if zero:
            raise ModelError(f"{reader.where}: a reserved field is not zero")
        channels: list[Channel] = []
        for _ in range(count):
            read, shift, zero_point, m1, m0, offset = reader.struct(ROW.format[1:])
            if m1 >> 15 or m0 >> 15:
                raise ModelError(f"{reader.where}: channel {len(channels)} has no such scale")
            multiplier = int(joined(m1, m0))
            transform: Transform = "log2" if read & LOG_BIT else "linear"
            try:
                channels.append(Channel(read & ~LOG_BIT, transform, offset, multiplier, shift, zero_point))
            except QuantizeError as error:
                raise ModelError(f"{reader.where}: channel {len(channels)}: {error}") from error
        try:
            return cls(tuple(channels))
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error


def _rounded(values: NDArray[np.float64], decimals: int) -> NDArray[np.int64]:
    if not np.isfinite(values).all():
        raise QuantizeError("a reading is not a finite number")
    scaled = np.floor(values * 10.0**decimals + 0.5)
    return np.clip(scaled, -READING_LIMIT - 1, READING_LIMIT + 1).astype(np.int64)


def _transformed(readings: NDArray[np.int64], transform: Transform) -> NDArray[np.int64]:
    clipped = np.clip(readings, -READING_LIMIT, READING_LIMIT)
    return log2_q12(np.maximum(clipped, 1)) if transform == "log2" else clipped


def _decimals(values: NDArray[np.float64]) -> int:
    largest, deviation = float(np.abs(values).max()), float(values.std())
    for decimals in range(DECIMALS_MOST):
        power = 10.0**decimals
        if largest * power * 10 > READING_LIMIT or deviation * power >= 1000:
            return decimals
        if np.allclose(values * power, np.rint(values * power), rtol=1e-9, atol=1e-3 * deviation * power):
            return decimals
    return DECIMALS_MOST
