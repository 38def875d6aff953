"""The scale a meter reads on, as data: name, limits, rounding, names of the degrees; and the section that holds it.

`scal`, little-endian; a reader that does not know it shows scores with one decimal and no interval:

```
u8 flags (1: the channels are calibrated reflectances) | u8 decimals | u8 knots, at most 16 | u8 degrees, at most 16
u16 step, 1 to 9999 | u16 0
i32 minimum | i32 maximum                         in 1/256 point, as in FEAT
a knot: i32 score | i32 half width of the 90 % interval there, both in 1/256 point; scores rise
a degree: i32 lower limit, in 10**-decimals point; limits fall
the scale's name, then each degree's: u8 length | ASCII, zeros at the end up to a multiple of 4
```

A score becomes text, its half width and its degree by these rules, the board's as the host's, `//` being floor:

* value `n = (score * 10**decimals + 128 * step) // (256 * step) * step`, shown as n / 10**decimals with as many decimals;
* half width: that of the first knot up to its score, that of the last from its score on, and between two neighbours
  `h0 + (h1 - h0) * (score - s0) // (s1 - s0)`; unknown where there is no knot. No product leaves 30 bits;
* degree: the first whose limit n reaches; none below the last.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import ModelError, QuantizeError, UsageError
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

TAG = "scal"
POINT = 256
LIMIT = 1000.0
"""Values beyond this are on no scale of roasts."""
PRODUCT_LIMIT = 1 << 30
NAME_MOST = 24
DECIMALS_MOST = 2
STEP_MOST = 9999
ROWS_MOST = 16
CALIBRATED = 1
_HEAD = struct.Struct("<BBBBHHii")
_LIMITS = re.compile(r"[+-]?\d{1,6}(?:\.\d{1,6})?", re.ASCII)

SCA_DEGREES = (
    ("Very Light", 108.0),
    ("Light", 93.0),
    ("Medium Light", 79.0),
    ("Medium", 64.0),
    ("Medium Dark", 49.0),
    ("Dark", 35.0),
    ("Very Dark", 23.0),
)
"""Lower limits on Agtron Gourmet, as open meters show them (sdeluce/roast-meter); below the last there is no name."""


@dataclass(frozen=True)
class Scale:
    """A scale of roast degrees.

    Attributes:
        name: for people, printable ASCII.
        minimum: the lowest value.
        maximum: the highest value.
        rounding: values are shown in multiples of this, such as 1 or 0.5; at most 2 decimals.
        degrees: names with their lower limits, falling; empty where none are known on this scale.

    Raises:
        UsageError: the limits, the rounding or a name are not usable.
    """

    name: str
    minimum: float
    maximum: float
    rounding: float = 0.1
    degrees: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not -LIMIT <= self.minimum < self.maximum <= LIMIT:
            raise UsageError(
                f"scale {self.minimum:g}:{self.maximum:g}: the lowest value must be below the highest, "
                f"both within ±{LIMIT:g}"
            )
        step, decimals = self.step, self.decimals
        if decimals > DECIMALS_MOST or not 1 <= step <= STEP_MOST:
            raise UsageError(
                f"rounding {self.rounding:g}: give a multiple of 0.01 up to 99, such as 1 or 0.5"
            )
        for name in (self.name, *(name for name, _ in self.degrees)):
            if not (name.isascii() and name.isprintable() and 1 <= len(name) <= NAME_MOST):
                raise UsageError(f"name {name!r}: give 1 to {NAME_MOST} printable ASCII characters")
        if len(self.degrees) > ROWS_MOST or any(a <= b for a, b in pairwise(self.limits)):
            raise UsageError(f"scale {self.name}: at most {ROWS_MOST} degrees, their limits falling")

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return self.minimum, self.maximum

    @property
    def decimals(self) -> int:
        """Digits shown after the point."""
        exponent = Decimal(repr(float(self.rounding))).normalize().as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else DECIMALS_MOST + 1

    @property
    def step(self) -> int:
        """The rounding in 10**-decimals."""
        return round(self.rounding * 10**self.decimals) if np.isfinite(self.rounding) else 0

    @property
    def limits(self) -> tuple[int, ...]:
        """Lower limits of the degrees in 10**-decimals, rounded up: what is shown reaches them or not."""
        return tuple(int(np.ceil(limit * 10**self.decimals - 1e-9)) for _, limit in self.degrees)

    def rounded(self, score: ArrayLike) -> NDArray[np.int64]:
        """Scores (any shape) in 1/256 point to what is shown, in 10**-decimals point."""
        score = np.asarray(score, np.int64)
        steps = (score * 10**self.decimals + 128 * self.step) // (256 * self.step)
        return np.asarray(steps * self.step, np.int64)

    def words(self, score: int) -> str:
        """A score in 1/256 point as it is shown."""
        n, decimals = int(self.rounded(score)), self.decimals
        whole, rest = divmod(abs(n), 10**decimals)
        return f"{'-' * (n < 0)}{whole}" + (f".{rest:0{decimals}d}" if decimals else "")

    def degree(self, score: int) -> str | None:
        """The name of a score's degree, in 1/256 point; None below the last or where the scale has none."""
        n = int(self.rounded(score))
        found = (name for (name, _), limit in zip(self.degrees, self.limits, strict=True) if n >= limit)
        return next(found, None)


DEFAULT = Scale("0-180", 0, 180)
SCALES = {
    "0-180": DEFAULT,
    "agtron-gourmet": Scale("Agtron Gourmet", 0, 150, degrees=SCA_DEGREES),
    "agtron-commercial": Scale("Agtron Commercial", 0, 150),
    "tonino": Scale("Tonino", 0, 200, 1),
    "colortest": Scale("ColorTest", 0, 200, 1),
    "colorette": Scale("Colorette", 0, 200, 1),
}
"""By the name that `--scale` takes. Limits are wide rather than a maker's: a custom scale says its own."""


def parse(text: str) -> Scale:
    """A scale by its name, or a custom one as LOW:HIGH or LOW:HIGH:ROUNDING.

    Raises:
        UsageError: it is neither; the message names what there is.
    """
    word = text.strip().lower().replace(" ", "-").replace("_", "-")
    if word in SCALES:
        return SCALES[word]
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(_LIMITS.fullmatch(part.strip()) for part in parts):
        raise UsageError(
            f"--scale {text!r}: give the lowest and the highest value, such as 0:180 or 0:180:0.5 with a rounding, "
            f"or one of {', '.join(SCALES)}"
        )
    try:
        return custom(*map(float, parts))
    except UsageError as error:
        raise UsageError(f"--scale {text!r}: {error}") from None


def custom(low: float, high: float, rounding: float = DEFAULT.rounding) -> Scale:
    """A scale that has no name but its limits.

    Raises:
        UsageError: see `Scale`.
    """
    return Scale(f"{low:g}-{high:g}", low, high, rounding)


@dataclass(frozen=True, eq=False)
class Shown:
    """What the section `scal` says: how a score is shown.

    Attributes:
        scale: the scale.
        knots: (k, 2) integers, score and half width of the 90 % interval there, 1/256 point; (0, 2) where not known.
        calibrated: the channels are calibrated reflectances and not a unit's own counts.

    Raises:
        QuantizeError: the knots' scores do not rise, a half width is negative, or a product would leave 30 bits.
    """

    scale: Scale
    knots: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    calibrated: bool = False

    def __post_init__(self) -> None:
        knots = np.array(self.knots, np.int64).reshape(-1, 2)
        steps = np.diff(knots, axis=0)
        if len(knots) > ROWS_MOST or (knots[:, 1] < 0).any() or (steps[:, 0] <= 0).any():
            raise QuantizeError(
                f"an interval has at most {ROWS_MOST} knots with rising scores, none negative"
            )
        if np.abs(knots).max(initial=0) >= PRODUCT_LIMIT >> 1 or (
            np.abs(steps).prod(axis=1).max(initial=0) >= PRODUCT_LIMIT
        ):
            raise QuantizeError("the interval's half width changes by more than 30 bits hold")
        knots.setflags(write=False)
        object.__setattr__(self, "knots", knots)

    @classmethod
    def of(cls, scale: Scale, half: Sequence[tuple[float, float]], *, calibrated: bool) -> Shown:
        """With half widths as (value, half width) in points; one of them is enough."""
        return cls(scale, np.rint(np.array(half, np.float64).reshape(-1, 2) * POINT), calibrated)

    def half(self, score: ArrayLike) -> NDArray[np.int64] | None:
        """Half widths of the 90 % interval at scores (any shape), both in 1/256 point; None where not known."""
        if not len(self.knots):
            return None
        s, h = self.knots.T
        at = np.clip(np.asarray(score, np.int64), s[0], s[-1])
        i = np.clip(np.searchsorted(s, at, "right") - 1, 0, max(0, len(s) - 2))
        j = np.minimum(i + 1, len(s) - 1)
        return np.asarray(h[i] + (h[j] - h[i]) * (at - s[i]) // np.maximum(s[j] - s[i], 1), np.int64)

    def to_bytes(self) -> bytes:
        """The layout above."""
        scale = self.scale
        head = _HEAD.pack(
            *(
                CALIBRATED * self.calibrated,
                scale.decimals,
                len(self.knots),
                len(scale.degrees),
                scale.step,
                0,
            ),
            *(round(limit * POINT) for limit in scale.span),
        )
        names = [scale.name, *(name for name, _ in scale.degrees)]
        return (
            head
            + self.knots.astype("<i4").tobytes()
            + np.array(scale.limits, "<i4").tobytes()
            + padded(b"".join(bytes([len(name)]) + name.encode("ascii") for name in names))
        )

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Shown:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold it; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section {TAG}")
        flags, decimals, knots, degrees, step, zero, low, high = reader.struct(_HEAD.format[1:])
        if flags > CALIBRATED or zero or decimals > DECIMALS_MOST or max(knots, degrees) > ROWS_MOST:
            raise ModelError(f"{reader.where}: a field is not what it must be")
        table = reader.array("i4", 2 * knots).reshape(knots, 2)
        limits = (reader.array("i4", degrees) / 10**decimals).tolist()
        names = []
        for _ in range(degrees + 1):
            (length,) = reader.struct("B")
            names.append(reader.struct(f"{length}s")[0].decode("ascii", "replace"))
        if reader.rest().strip(b"\0"):
            raise ModelError(f"{reader.where}: its padding is not zero")
        try:
            scale = Scale(
                names[0],
                low / POINT,
                high / POINT,
                step / 10**decimals,
                tuple(zip(names[1:], limits, strict=True)),
            )
            shown = cls(scale, table, bool(flags & CALIBRATED))
        except (UsageError, QuantizeError) as error:
            raise ModelError(f"{reader.where}: {error}") from error
        if shown.to_bytes() != content:
            raise ModelError(f"{reader.where}: is not coded as a packer codes it")
        return shown
