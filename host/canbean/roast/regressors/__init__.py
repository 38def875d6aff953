"""The families of regressors: each is a file here, found by its presence. Adding one is adding a file.

A family is a module with `fit(samples, seed) -> canbean.tiny.regressor.Regressor`: learn in floating point from what
`samples.front` makes of the readings, return integers. Its name is the file's.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from canbean.errors import UsageError
from canbean.tiny.features import ONE, Features

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from canbean.tiny.regressor import Regressor

BLEND = "blend"
"""Not a family: it is made of those that were fitted (`canbean.roast.blending`)."""

Fold = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


@dataclass(frozen=True, eq=False)
class Samples:
    """What a family learns from.

    Attributes:
        values: sensor channels in their own units, (n, c).
        decimals: per channel, what the board reads is round(value x 10^decimals).
        reference: the professional meter's values (n,), on the scale.
        lot: what was roasted together (n,): never split between learning and checking.
        scale: lowest and highest value of the scale.
    """

    values: NDArray[np.float64]
    decimals: tuple[int, ...]
    reference: NDArray[np.float64]
    lot: NDArray[np.int64]
    scale: tuple[float, float]

    def __len__(self) -> int:
        return len(self.reference)

    def rows(self, index: NDArray[np.int64]) -> Samples:
        """These rows alone."""
        return replace(self, values=self.values[index], reference=self.reference[index], lot=self.lot[index])

    @cached_property
    def front(self) -> Features:
        """The board's front end, standardised on these samples."""
        return Features.fit(self.values, self.decimals)

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """The very features the board computes, in standard deviations (n, c): nothing is fitted to a nicer number."""
        return self.front.apply(self.front.readings(self.values)) / ONE

    def folds(self, most: int) -> list[Fold]:
        """(rows to learn from, rows to check on), at most `most` pairs; whole lots only; none if there is one lot."""
        return folds(self.lot, most)


class Family(Protocol):
    """A module of this folder."""

    def fit(self, samples: Samples, seed: int) -> Regressor:
        """Learn from samples; the same samples and seed give the same integers.

        Raises:
            QuantizeError: what was learned does not fit the integers of the board.
        """


def folds(lot: NDArray[np.int64], most: int) -> list[Fold]:
    """Cross-validation grouped by lot: a lot is either learned from or checked on, never split.

    Args:
        lot: each row's lot (n,).
        most: folds at most; fewer where there are fewer lots, none where there is one.
    """
    count = min(most, len(np.unique(lot)))
    if count < 2:
        return []
    from sklearn.model_selection import GroupKFold  # noqa: PLC0415 - slow to import

    return [(learn, check) for learn, check in GroupKFold(count).split(lot, groups=lot)]


def trusted() -> AbstractContextManager[None]:
    """scikit-learn without its checks of every argument, an eighth of the time of a fit: for tables that were checked."""
    from sklearn import config_context  # noqa: PLC0415 - slow to import

    return cast(
        "AbstractContextManager[None]", config_context(assume_finite=True, skip_parameter_validation=True)
    )


def names() -> list[str]:
    """The families that are here, by name."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def family(name: str) -> Family:
    """A family by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in names():
        raise UsageError(f"no model {name!r}: there are {', '.join([*names(), BLEND])}")
    return cast("Family", importlib.import_module(f"{__name__}.{name}"))


def chosen(wanted: Sequence[str] | None) -> Iterator[tuple[str, Family]]:
    """The families asked for, each once, or all of them; `blend` is made of others and passed over.

    Raises:
        UsageError: there is none of a name, or the list is empty.
    """
    if wanted is not None and not set(wanted) - {BLEND}:
        raise UsageError(f"no model is named beside the blend: there are {', '.join(names())}")
    for name in dict.fromkeys(names() if wanted is None else wanted):
        if name != BLEND:
            yield name, family(name)
