"""From floating point to integers, judged by the score that matters and not by the error of weights.

A scorer says what a model is worth, in whatever counts: minus the error on lots, recall within a budget of false alarms. It
judges the float model and every candidate alike. Candidates come in order of their width, the narrowest first; all of one
width are tried, and the best of them is taken if it loses no more than the caller's limit. Only then does the next width
come. Everything that was tried is told.

What candidates are is up to the kind: `canbean.tiny.network.candidates` for dense layers; any function that yields
`Candidate` for others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from canbean.errors import QuantizeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import ArrayLike


class Packable(Protocol):
    """A model in integers."""

    def to_bytes(self) -> bytes:
        """Its section."""


M = TypeVar("M", bound=Packable)
N = TypeVar("N")


@dataclass(frozen=True)
class Candidate(Generic[M]):
    """One way to quantize.

    Attributes:
        name: such as `int8 min-max`.
        bits: of its activations, or whatever grows from narrow to wide.
        make: builds it; a QuantizeError says that it does not fit, and is told.
    """

    name: str
    bits: int
    make: Callable[[], M]


@dataclass(frozen=True)
class Tried:
    """What became of a candidate.

    Attributes:
        name: the candidate's.
        bytes: of its section; 0 if it was refused.
        score: what the scorer said; NaN if it was refused.
        loss: the float model's score less this one; NaN if it was refused.
        refused: why it could not be built, or nothing.
    """

    name: str
    bytes: int
    score: float
    loss: float
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Choice(Generic[M]):
    """The candidate that was taken, and the table of all that were tried.

    Attributes:
        model: the model in integers.
        name: the candidate's.
        reference: the float model's score.
        limit: the loss that the caller allowed.
        tried: every candidate that was looked at, in order.
    """

    model: M
    name: str
    reference: float
    limit: float
    tried: tuple[Tried, ...]

    @property
    def chosen(self) -> Tried:
        """The row of `tried` that was taken."""
        return next(row for row in self.tried if row.name == self.name)

    def as_meta(self) -> dict[str, Any]:
        """What META tells under `quantization`: `chosen float limit` and `tried` of `[name, bytes, score]`.

        A refused candidate has the reason in place of its score.
        """
        rows = [[row.name, row.bytes, row.refused or _short(row.score)] for row in self.tried]
        return {
            "chosen": self.name,
            "float": _short(self.reference),
            "limit": _short(self.limit),
            "tried": rows,
        }


def quantize(
    network: N,
    calibration: ArrayLike,
    scorer: Callable[[N | M], float],
    limit: float,
    *,
    candidates: Callable[[N, ArrayLike], Iterable[Candidate[M]]],
    take_best: bool = False,
) -> Choice[M]:
    """Choose integers for a trained model.

    Args:
        network: the model in floating point.
        calibration: what the candidates set their ranges by, such as (n, d) inputs.
        scorer: what a model is worth, higher is better; called with `network` once and with every candidate.
        limit: the loss against the float model's score that is still good.
        candidates: `candidates(network, calibration)` yields the ways to quantize, narrow ones first.
        take_best: whether to take the best of all when none is within the limit.

    Returns:
        The choice; of equal scores the first counts.

    Raises:
        QuantizeError: nothing is within the limit, nothing could be built, a score is not a finite number, or the
            limit is negative.
    """
    if not (math.isfinite(limit) and limit >= 0):
        raise QuantizeError(f"the limit {limit!r} is not a loss: give a number from 0")
    reference = _score(scorer, network, "the float model")
    tried: list[Tried] = []
    best: tuple[float, str, M] | None = None
    for _, group in groupby(candidates(network, calibration), key=lambda one: one.bits):
        for one in group:
            try:
                model = one.make()
            except QuantizeError as error:
                tried.append(Tried(one.name, 0, math.nan, math.nan, str(error)))
                continue
            score = _score(scorer, model, one.name)
            tried.append(Tried(one.name, len(model.to_bytes()), score, reference - score))
            if best is None or score > best[0]:
                best = score, one.name, model
        if best is not None and reference - best[0] <= limit:
            return Choice(best[2], best[1], reference, limit, tuple(tried))
    if best is None:
        said = "; ".join(f"{row.name}: {row.refused}" for row in tried)
        raise QuantizeError(f"the model fits no integers: {said or 'there are no candidates'}")
    if not take_best:
        raise QuantizeError(
            f"no integers are within {limit:g} of the float model's score {reference:.6g}: the best, {best[1]}, "
            f"loses {reference - best[0]:.3g}"
        )
    return Choice(best[2], best[1], reference, limit, tuple(tried))


def _score(scorer: Callable[[Any], float], model: object, name: str) -> float:
    score = float(scorer(model))
    if not math.isfinite(score):
        raise QuantizeError(f"the scorer says {score} of {name}: it must give a finite number")
    return score


def _short(value: float) -> float:
    return float(f"{value:.6g}") + 0.0  # no -0
