"""A roast meter's model file: what `roast fit` packs, and what reads it back on the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError
from canbean.roast.scale import TAG, Shown
from canbean.tiny.cbm import Model, encode_meta
from canbean.tiny.golden import VECTORS_MOST
from canbean.tiny.regressor import POINT, Regressor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

APP = "roastmeter"
GOLDEN_MS = 1000.0
"""The golden vectors take at most this at boot: Artisan waits 2 s for a meter that it just opened."""


@dataclass(frozen=True, eq=False)
class Meter:
    """A model file opened as a roast meter.

    Attributes:
        regressor: sensor channels to a value on the scale, in integers.
        channels: names of the sensor channels, in the order of the regressor's.
        half_width: nine readings in ten of a new lot are within this of the professional meter; None if not known.
        shown: how scores are shown; None in a model from before there was `scal`.
        meta: all that META says.
    """

    regressor: Regressor
    channels: tuple[str, ...]
    half_width: float | None
    shown: Shown | None
    meta: Mapping[str, Any]

    @property
    def scale(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return self.regressor.scale

    def read(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sensor channels (n, c) in their own units to values on the scale (n,), computed in integers."""
        return self.regressor.predict(self.regressor.features.readings(values)) / POINT


def build(  # noqa: PLR0917 - in the order of the file
    regressor: Regressor,
    channels: Sequence[str],
    values: NDArray[np.float64],
    reference: NDArray[np.float64],
    shown: Shown,
    about: Mapping[str, Any],
) -> Model:
    """A model file's content.

    Args:
        regressor: what the board computes.
        channels: names of its sensor channels.
        values: sensor channels of all pairs (n, c), from which golden vectors are taken, spread over the scale.
        reference: of those pairs (n,).
        shown: how scores are shown, for the section `scal`.
        about: what else META says.
    """
    decimals = regressor.features.decimals
    scale = [float(limit) for limit in regressor.scale]
    meta: dict[str, Any] = {
        **about,
        "app": APP,
        "scale": scale,
        "calibrated": shown.calibrated,
        "channels": [list(c) for c in zip(channels, decimals, strict=True)],
    }
    if regressor.quantization is not None:
        meta["quantization"] = dict(regressor.quantization)
    most = int(min(VECTORS_MOST, len(reference), max(1.0, GOLDEN_MS // regressor.board_ms)))
    order = np.argsort(reference, kind="stable")
    rows = order[np.rint(np.linspace(0, len(order) - 1, most)).astype(int)]
    golden = regressor.golden(regressor.features.readings(values[rows]))
    return Model({"META": encode_meta(meta), **regressor.sections(), TAG: shown.to_bytes(), "GOLD": golden})


def load(model: Model, name: str = "model") -> Meter:
    """Open a model file as a roast meter.

    Raises:
        ModelError: it is of another application, or what it holds is no meter; the message begins with `name`.
    """
    meta = model.read_meta(name)
    if meta.get("app") != APP:
        raise ModelError(f"{name}: is a model for {str(meta.get('app'))[:40]!r}, not for {APP!r}")
    regressor = Regressor.from_model(model, name)
    channels, half = meta.get("channels"), meta.get("half_width")
    sound = isinstance(channels, list) and all(
        isinstance(c, list) and len(c) == 2 and isinstance(c[0], str) for c in channels
    )
    if not sound or [c[1] for c in channels or ()] != list(regressor.features.decimals):
        raise ModelError(
            f"{name}: the channels that META names are not the {len(regressor.features.channels)} of FEAT"
        )
    if half is not None and (isinstance(half, bool) or not isinstance(half, (int, float)) or half < 0):
        raise ModelError(f"{name}: half_width in META is not a number")
    shown = Shown.from_bytes(model.sections[TAG], name) if TAG in model.sections else None
    if shown and shown.scale.span != regressor.scale:
        raise ModelError(f"{name}: section {TAG} has another scale than FEAT")
    names = tuple(c[0] for c in channels or ())
    return Meter(regressor, names, None if half is None else float(half), shown, meta)
