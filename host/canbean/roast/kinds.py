"""Which kind of pairs a file holds: calibrated reflectances in percent, or what one unit's sensor counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import PairsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.roast.pairs import Pairs

ORDER = ("red", "green", "blue", "clear", "infrared")
LIGHT = set(ORDER)
"""Light channels by their usual names; as calibrated reflectances they are in percent."""
PERCENT_MOST = 130.0
KNOWN = LIGHT | {"lot", "cup", "unit", "temperature", "reference"}
"""Columns that mean something by their name."""


def column(title: str) -> str:
    """A column's name; one that means something is the same in whichever case, and with whatever blanks around it."""
    plain = title.strip().lower()
    return plain if plain in KNOWN else title


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
        return _strange(pairs)
    names = ", ".join(units[:3]) + (", …" if len(units) > 3 else "")
    words = f"counts of {len(units)} units ({names}), of which each counts the same coffee differently"
    return [f"{pairs.name}: {words}: fit one unit's, or calibrate them", *_strange(pairs)]


def _strange(pairs: Pairs) -> list[str]:
    """What to warn about where reflectances, or a known sensor's channels, may stand under names that nobody knows.

    A single channel is somebody's own feature, which no board's sensor has.
    """
    moving = [
        k
        for k, name in enumerate(pairs.channel_names)
        if name != "temperature" and np.ptp(pairs.channels[:, k]) > 0
    ]
    names = [pairs.channel_names[k] for k in moving]
    strange = [name for name in names if name not in LIGHT]
    values = pairs.channels[:, moving]
    percents = bool((np.abs(values) <= PERCENT_MOST).all())
    if not strange or len(names) < 2 or (len(strange) == len(names) and not percents):
        return []
    which = f"column{'s' if len(strange) > 1 else ''} {', '.join(map(repr, strange))}"
    words = (
        f"no known light channel ({', '.join(ORDER)}): all are taken for counts of one sensor whose channels a board cannot "
        "check; if they are reflectances in percent, the board's value will be wrong: give them these names"
    )
    return [f"{pairs.name}: {which}: {words}"]
