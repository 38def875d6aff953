"""The budget curve of a detector: how many false alerts an hour each threshold is expected to let through.

In META it is `calibration.curve`: by the name of the detector a list of pairs `[alerts_per_hour, threshold_bits]`, the
loosest first: alerts an hour fall from pair to pair, thresholds never do.

```
"curve": {"fingerprint": [[10.0, 18.5], [1.0, 22.5], [0.1, 27.0], [0.001, 64.0]]}
```

Between two pairs bits are linear in the logarithm of alerts an hour. Beyond its ends a curve says nothing; but where it
ends at the cap of 64 bits, no budget asks for more than that.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from canbean.detect.fingerprint import SCORE_CAP
from canbean.detect.habits import SIXTEENTHS
from canbean.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Curve = Sequence[tuple[float, float]]

_CAP_BITS = SCORE_CAP / SIXTEENTHS
_LEAST_BITS = 1 / SIXTEENTHS
_FAR = 20.0  # bits: 2**20 is a million
_ROUNDED = 1e-6  # sixteenths of a bit by which a sum of logarithms may miss an integer


def of_model(calibration: Mapping[str, Any], detector: str, name: str) -> tuple[Curve, bool]:
    """The curve of a detector, and whether it was measured; else it is `nominal`.

    Args:
        calibration: META's.
        detector: the detector's name.
        name: what error messages call the model.

    Raises:
        ModelError: the curve makes no sense, or there is none, nor a threshold with its budget.
    """
    curves = calibration.get("curve")
    try:
        if curves is not None and detector in curves:
            return checked(curves[detector]), True
        return nominal(float(calibration["budget_per_hour"]), float(calibration["threshold_bits"])), False
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{name}: does not say at which budget it was learned: learn it again") from error


def checked(pairs: Any) -> Curve:
    """A curve, if these are pairs of numbers in order.

    Raises:
        ModelError: they are not.
    """
    try:
        curve = tuple((float(per_hour), float(bits)) for per_hour, bits in pairs)
    except (TypeError, ValueError) as error:
        raise ModelError("the budget curve is no list of pairs of numbers") from error
    if not curve or not all(0 < r < math.inf and 0 < bits <= _CAP_BITS for r, bits in curve):
        raise ModelError("the budget curve has alerts an hour above 0 and thresholds of up to 64 bits")
    if any(r0 <= r1 or bits0 > bits1 for (r0, bits0), (r1, bits1) in pairwise(curve)):
        raise ModelError("the budget curve is not in order: from the most alerts an hour to the fewest")
    return curve


def nominal(per_hour: float, bits: float) -> Curve:
    """The curve of a detector of which one point is known: a bit halves the alerts, as a surprise in bits promises.

    This is extrapolated, not measured: an entry a bit, for a millionth to a million times the alerts, up to the cap.

    Raises:
        ModelError: no budget and threshold.
    """
    if not (0 < per_hour < math.inf and 0 < bits <= _CAP_BITS):
        raise ModelError(f"a budget of {per_hour:g} an hour at {bits:g} bits makes no sense")
    least, most = max(-_FAR, _LEAST_BITS - bits), min(_FAR, _CAP_BITS - bits)
    steps = sorted({least, *map(float, range(math.ceil(least), math.floor(most) + 1)), most})
    return checked([(per_hour * 2.0**-step, bits + step) for step in steps])


def threshold_for(curve: Curve, per_hour: float) -> int:
    """The threshold at which a budget is kept, in sixteenths of a bit, rounded up.

    Args:
        curve: as `checked` has it.
        per_hour: the budget, alerts an hour.

    Raises:
        UsageError: the curve does not reach so far.
    """
    (loosest, first), (strictest, last) = curve[0], curve[-1]
    if per_hour < strictest and last == _CAP_BITS:
        return SCORE_CAP
    if not strictest <= per_hour <= loosest:
        raise UsageError(
            f"a budget of {per_hour:g} an hour: this model's curve tells of {strictest:g} to {loosest:g} an hour; "
            "take one of these, or set the threshold itself"
        )
    bits = first
    for (r0, bits0), (r1, bits1) in pairwise(curve):
        if per_hour <= r0:
            share = math.log(r0 / max(per_hour, r1)) / math.log(r0 / r1)
            bits = bits0 + share * (bits1 - bits0)
    return max(1, math.ceil(SIXTEENTHS * bits - _ROUNDED))


def per_hour_at(curve: Curve, threshold: int) -> float | None:
    """Alerts an hour at a threshold in sixteenths of a bit, the most that the curve tells; None beyond its ends."""
    bits = threshold / SIXTEENTHS
    if not curve[0][1] <= bits <= curve[-1][1]:
        return None
    for (r0, bits0), (r1, bits1) in pairwise(curve):
        if bits <= bits0:
            return r0
        if bits < bits1:
            return r0 * math.pow(r1 / r0, (bits - bits0) / (bits1 - bits0))
    return next(r for r, at in curve if at == curve[-1][1])


def step(curve: Curve, threshold: int, *, stricter: bool) -> int:
    """The threshold of the curve's next entry, in sixteenths of a bit.

    Raises:
        UsageError: the curve has no further one.
    """
    entries = [max(1, math.ceil(SIXTEENTHS * bits - _ROUNDED)) for _, bits in curve]
    beyond = [entry for entry in entries if (entry > threshold if stricter else entry < threshold)]
    if not beyond:
        end = "strictest" if stricter else "loosest"
        raise UsageError(
            f"the threshold of {threshold / SIXTEENTHS:g} bits is at the {end} end of this model's curve already"
        )
    return min(beyond) if stricter else max(beyond)
