"""How well a packed meter reads pairs: what `roast score` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError
from canbean.roast import measures, meter
from canbean.roast.agreement import agreement
from canbean.roast.fit import TOLERANCE, data
from canbean.roast.kinds import PERCENT_MOST, is_calibrated
from canbean.tiny import cbm
from canbean.tiny.regressor import POINT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.roast.meter import Meter
    from canbean.roast.pairs import Pairs
    from canbean.tiny.cbm import Model


def channels(opened: Meter, pairs: Pairs, name: str = "model") -> NDArray[np.float64]:
    """What pairs hold of the channels that a meter reads, (n, c), in the order in which it takes them.

    Raises:
        ModelError: one is absent, or they are counts of a unit where the meter takes reflectances, or the other way round.
    """
    for channel in opened.channels:
        if channel not in pairs.channel_names:
            have = ", ".join(pairs.channel_names)
            raise ModelError(
                f"{name}: reads the channel {channel!r}, which {pairs.name} does not have (it has {have})"
            )
    values = pairs.channels[:, [pairs.channel_names.index(channel) for channel in opened.channels]]
    if opened.shown and opened.shown.calibrated and (np.abs(values) > PERCENT_MOST).any():
        raise ModelError(
            f"{name}: reads calibrated reflectances in percent, and {pairs.name} holds counts of a unit: pair with a "
            "calibrated meter (`roast calibrate`), or `roast simulate --calibrated`"
        )
    if opened.shown and not opened.shown.calibrated and is_calibrated(pairs):
        raise ModelError(
            f"{name}: reads what one unit's sensor counts, and {pairs.name} holds reflectances in percent: score pairs of that "
            "unit's counts (`roast pair --counts`)"
        )
    return values


def score(model: Model, pairs: Pairs, tolerance: float = TOLERANCE, name: str = "model") -> dict[str, Any]:
    """Errors of a packed model on pairs, computed in its integers.

    Returns:
        `model` (its digest), `data`, `pairs`, `groups`, `rmse mae p95 max within_tolerance bias`, `coverage90` (the
        share of references inside the model's own interval, `null` if it has none), `agreement` (Deming line and
        Bland-Altman limits), `rows` with
        `lot cup reference reading low high degree` of each pair, and `warnings`.

    Raises:
        ModelError: the model is of another application, or one of its channels is absent from the pairs.
    """
    opened = meter.load(model, name)
    values = channels(opened, pairs, name)
    said = opened.read(values)
    half = opened.half_width
    low, high = opened.scale
    scale = opened.shown.scale if opened.shown else None
    warnings = []
    if opened.meta.get("digest") == pairs.digest:
        warnings.append(
            f"{pairs.name}: the model was fitted on these very pairs: these errors are not held out"
        )
    return {
        "model": cbm.digest(cbm.pack(model)),
        "data": data(pairs),
        "pairs": len(pairs),
        "groups": len(pairs.lots),
        **measures.errors(said, pairs.reference, tolerance),
        "coverage90": None if half is None else float(np.mean(np.abs(said - pairs.reference) <= half)),
        "agreement": agreement(said, pairs.reference, pairs.lot).as_json(),
        "rows": [
            {
                "lot": pairs.lots[pairs.lot[i]],
                "cup": pairs.cup[i] if pairs.cup else "",
                "reference": float(pairs.reference[i]),
                "reading": float(said[i]),
                "low": None if half is None else max(low, float(said[i]) - half),
                "high": None if half is None else min(high, float(said[i]) + half),
                "degree": scale.degree(round(float(said[i]) * POINT)) if scale else None,
            }
            for i in range(len(pairs))
        ],
        "warnings": warnings,
    }
