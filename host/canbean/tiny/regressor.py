"""A regressor: readings of a sensor's channels to a value on a scale, in integers from end to end.

Sections: FEAT (`canbean.tiny.features`, then `i32 low | i32 high` of the scale in 1/256 point) and one of the kinds, or BLND and
several.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny import blend, cost, golden
from canbean.tiny.blend import Blend
from canbean.tiny.dense import Dense
from canbean.tiny.features import Features
from canbean.tiny.fixed import ACCUMULATOR_LIMIT
from canbean.tiny.forest import Forest
from canbean.tiny.kernel import Kernel
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.packing import Reader
from canbean.tiny.polynomial import Polynomial
from canbean.tiny.spline import Spline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from canbean.tiny.cbm import Model

Single = Polynomial | Spline | Neighbours | Kernel | Forest | Dense
Kind = Single | Blend
KINDS: dict[str, type[Single]] = {
    kind.tag: kind for kind in (Polynomial, Spline, Neighbours, Kernel, Forest, Dense)
}
POINT = 256


@dataclass(frozen=True, eq=False)
class Regressor:
    """A front end and the kind of model behind it.

    Attributes:
        features: readings to standardised features.
        kind: features to a score.
        scale: lowest and highest score, in points; predictions are clipped to it.
        quantization: how the integers were chosen (`canbean.tiny.quantize.Choice.as_meta`), for META; not in a section.
    """

    features: Features
    kind: Kind
    scale: tuple[float, float]
    quantization: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        low, high = self.scale
        if not -ACCUMULATOR_LIMIT < POINT * low < POINT * high < ACCUMULATOR_LIMIT:
            raise QuantizeError(f"the scale {low}..{high} is empty or too wide")
        if len(self.features.channels) != self.kind.features:
            raise QuantizeError(
                f"{len(self.features.channels)} channels for a model of {self.kind.features} features"
            )
        for kind in self.kinds:
            if isinstance(kind, Dense):
                outputs = len(kind.layers[-1].weights)
                if outputs != 1 or kind.input_low > -32767 or kind.input_high < 32767:
                    raise QuantizeError("the network must take all 16-bit features and give one score")

    @property
    def kinds(self) -> tuple[blend.Kind, ...]:
        """The kind, or those that it blends."""
        return self.kind.kinds if isinstance(self.kind, Blend) else (self.kind,)

    @property
    def limits(self) -> tuple[int, int]:
        """The scale in 1/256 point."""
        return round(self.scale[0] * POINT), round(self.scale[1] * POINT)

    @property
    def macs(self) -> int:
        """Multiplications of one prediction."""
        return self.kind.macs

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one prediction; see `canbean.tiny.cost`."""
        return self.features.calls + self.kind.calls

    @property
    def board_ms(self) -> float:
        """Estimated milliseconds of one prediction on an ESP8266 at 80 MHz; see `canbean.tiny.cost`."""
        return cost.estimated_ms(self.macs, self.calls)

    def predict(self, readings: ArrayLike) -> NDArray[np.int64]:
        """Integer readings (n, c), see `Features.readings`, to scores (n,) in 1/256 point within the scale."""
        score = self.kind.predict(self.features.apply(readings))
        return np.asarray(np.clip(score, *self.limits), np.int64)

    def sections(self) -> dict[str, bytes]:
        """The sections of this regressor by tag."""
        front = self.features.to_bytes() + struct.pack("<ii", *self.limits)
        return {"FEAT": front} | {kind.tag: kind.to_bytes() for kind in (self.kind, *self.kinds)}

    def golden(self, readings: ArrayLike) -> bytes:
        """A GOLD section from at most 8 rows of integer readings (n, c).

        Raises:
            ModelError: there are more rows.
        """
        rows = np.asarray(readings, np.int64)
        return golden.of_rows(rows, self.predict(rows)[:, None].tolist())

    @classmethod
    def from_model(cls, model: Model, name: str = "model") -> Regressor:
        """Take the regressor out of a model file.

        Raises:
            ModelError: it holds none, others than it says, a damaged one, or golden vectors that it does not answer;
                the message begins with `name`.
        """
        model.refuse_unknown({"FEAT", Blend.tag, *KINDS}, name)
        tags = [tag for tag in KINDS if tag in model.sections]
        weights = blend.listed(model.sections[Blend.tag], name) if Blend.tag in model.sections else None
        if "FEAT" not in model.sections or (len(tags) != 1 if weights is None else {*weights} != {*tags}):
            raise ModelError(f"{name}: is not the model of a meter (FEAT and one of {', '.join(KINDS)})")
        reader = Reader(model.sections["FEAT"], f"{name}: section FEAT")
        features = Features.parse(reader)
        low, high = reader.struct("ii")
        reader.end()
        made = {tag: KINDS[tag].from_bytes(model.sections[tag], name) for tag in weights or tags}
        try:
            kind = Blend(tuple(made.values()), tuple(weights.values())) if weights else made[tags[0]]
            regressor = cls(features, kind, (low / POINT, high / POINT))
        except QuantizeError as error:
            raise ModelError(f"{name}: {error}") from error
        regressor.check(model, name)
        return regressor

    def check(self, model: Model, name: str = "model") -> None:
        """Answer the golden vectors of a model.

        Raises:
            ModelError: an answer differs.
        """
        count = len(self.features.channels)
        golden.check_rows(model, count, lambda row: self.predict(row).tolist(), name)
