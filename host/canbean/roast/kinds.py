"""Which kind of pairs a file holds: calibrated reflectances in percent, or what one unit's sensor counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import PairsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.roast.pairs import Pairs

LIGHT = {"red", "green", "blue", "clear", "infrared"}
"""Light channels by their usual names; as calibrated reflectances they are in percent."""
PERCENT_MOST = 130.0


def percent(pairs: Pairs) -> NDArray[np.bool_]:
    """Of each row (n,) whether its light channels can be reflectances in percent, by their names and values."""
    light = [k for k, name in enumerate(pairs.channel_names) if name != "temperature"]
    if not {pairs.channel_names[k] for k in light} <= LIGHT:
        return np.zeros(len(pairs), bool)
    return np.asarray((np.abs(pairs.channels[:, light]) <= PERCENT_MOST).all(axis=1))


def is_calibrated(pairs: Pairs) -> bool:
    """Whether the light channels are reflectances in percent and not counts of a unit."""
    return bool(percent(pairs).all())


def check_kind(pairs: Pairs) -> list[str]:
    """Whether all rows are of one kind; returns what to warn about.

    Raises:
        PairsError: some rows hold reflectances and some counts; the message names a line of each.
    """
    found = percent(pairs)
    if found.any() and not found.all():
        rows = [int(np.flatnonzero(found)[0]), int(np.flatnonzero(~found)[0])]
        lines = pairs.lines[rows] if len(pairs.lines) else np.array(rows) + 2
        raise PairsError(
            f"{pairs.name}: line {lines[0]} holds reflectances in percent and line {lines[1]} counts of a unit: fit each kind "
            "from a file of its own"
        )
    units = sorted(set(pairs.unit) - {""})
    if len(units) < 2 or found.any() or not set(pairs.channel_names) & LIGHT:
        return []
    names = ", ".join(units[:3]) + (", …" if len(units) > 3 else "")
    words = f"counts of {len(units)} units ({names}), of which each counts the same coffee differently"
    return [f"{pairs.name}: {words}: fit one unit's, or calibrate them"]
