"""What the steps before an estimator do to its inputs, as polynomials of the readings.

A column is a polynomial `{(0, 1): 2.5}` = 2.5 * a * b with `()` for the constant: scalers and `PolynomialFeatures` map such
columns to such columns, so that whatever is linear in them can be folded into weights, exactly. Estimators that
compare or measure distances need each column to be one reading, scaled and shifted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError
from canbean.tiny.features import Channel
from canbean.tiny.polynomial import DEGREE_MOST, TERMS_MOST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Column = dict[tuple[int, ...], float]
Affine = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def readings_of(count: int) -> list[Column]:
    """The columns before any step."""
    return [{(i,): 1.0} for i in range(count)]


def standard(scaler: Any) -> Affine:
    """A fitted StandardScaler as `gain * x + offset`."""
    width = scaler.n_features_in_
    gain = 1 / scaler.scale_ if scaler.scale_ is not None else np.ones(width)
    return gain, -(scaler.mean_ if scaler.with_mean else np.zeros(width)) * gain


def minmax(scaler: Any) -> Affine:
    """A fitted MinMaxScaler as `gain * x + offset`."""
    return scaler.scale_, scaler.min_


def maxabs(scaler: Any) -> Affine:
    """A fitted MaxAbsScaler as `gain * x + offset`."""
    return 1 / scaler.scale_, np.zeros(scaler.n_features_in_)


def robust(scaler: Any) -> Affine:
    """A fitted RobustScaler as `gain * x + offset`."""
    width = scaler.n_features_in_
    gain = 1 / scaler.scale_ if scaler.with_scaling else np.ones(width)
    return gain, -(scaler.center_ if scaler.with_centering else np.zeros(width)) * gain


SCALERS: dict[str, Callable[[Any], Affine]] = {
    "StandardScaler": standard,
    "MinMaxScaler": minmax,
    "MaxAbsScaler": maxabs,
    "RobustScaler": robust,
}


def affine_of(scaler: Any) -> Affine:
    """A fitted scaler as `gain * x + offset`.

    Raises:
        ModelError: it is none of `SCALERS`, or it clips.
    """
    name = type(scaler).__name__
    if name not in SCALERS or not type(scaler).__module__.startswith("sklearn."):
        raise ModelError(f"{name}: this step is not taken; {', '.join((*SCALERS, 'PolynomialFeatures'))} are")
    if getattr(scaler, "clip", False):
        raise ModelError(f"{name}: clip=True is not taken; fit it without")
    gain, offset = SCALERS[name](scaler)
    return np.asarray(gain, np.float64), np.asarray(offset, np.float64)


def through(step: Any, columns: Sequence[Column]) -> list[Column]:
    """Columns behind one more fitted step.

    Raises:
        ModelError: the step is not taken, or would make too many or too high terms.
    """
    if type(step).__name__ == "PolynomialFeatures" and type(step).__module__.startswith("sklearn."):
        return _expanded(step, columns)
    gain, offset = affine_of(step)
    made = []
    for column, g, o in zip(columns, gain.tolist(), offset.tolist(), strict=True):
        scaled = {key: value * g for key, value in column.items()}
        scaled[()] = scaled.get((), 0.0) + o
        made.append(scaled)
    return made


def _expanded(step: Any, columns: Sequence[Column]) -> list[Column]:
    most = 1 + TERMS_MOST
    if step.n_output_features_ > most:
        raise ModelError(f"PolynomialFeatures: {step.n_output_features_} terms; at most {most} are taken")
    powers = np.asarray(step.powers_)
    if powers.sum(axis=1).max() > DEGREE_MOST:
        raise ModelError(f"PolynomialFeatures: at most degree {DEGREE_MOST} is taken")
    made = []
    for row in powers.tolist():
        product: Column = {(): 1.0}
        for index, power in enumerate(row):
            for _ in range(power):
                product = times(product, columns[index])
        made.append(product)
    return made


def times(a: Column, b: Column) -> Column:
    """The product of two columns.

    Raises:
        ModelError: its degree is over 3.
    """
    product: Column = {}
    for left, x in a.items():
        for right, y in b.items():
            key = tuple(sorted(left + right))
            product[key] = product.get(key, 0.0) + x * y
    if any(len(key) > DEGREE_MOST for key in product):
        raise ModelError(f"PolynomialFeatures: at most degree {DEGREE_MOST} is taken")
    return product


def singles(columns: Sequence[Column], who: str) -> Affine:
    """Columns as `gain * reading + offset`, one reading each.

    Raises:
        ModelError: a column is anything else; the message names `who` needs them.
    """
    gain, offset = np.zeros(len(columns)), np.zeros(len(columns))
    for index, column in enumerate(columns):
        if set(column) - {(index,), ()} or column.get((index,), 0.0) <= 0:
            raise ModelError(f"{who}: is not taken behind PolynomialFeatures")
        gain[index], offset[index] = column[index,], column.get((), 0.0)
    return gain, offset


def substituted(column: Column, gain: NDArray[np.float64], offset: NDArray[np.float64]) -> Column:
    """A column of readings as one of features, where a reading is `gain * feature + offset`."""
    total: Column = {}
    for key, value in column.items():
        product: Column = {(): value}
        for index in key:
            product = times(product, {(index,): float(gain[index]), (): float(offset[index])})
        for monomial, coefficient in product.items():
            total[monomial] = total.get(monomial, 0.0) + coefficient
    return total


def still_channel(decimals: int) -> Channel:
    """A channel whose feature is always 0."""
    return Channel.still(decimals)


def channel(decimals: int, centre: float, gain: float) -> Channel:
    """A channel whose feature is `(reading - centre) * gain`, rounded and saturated.

    Args:
        decimals: the board reads `round(value * 10**decimals)`.
        centre: in units of the reading.
        gain: steps of the feature a step of the reading.

    Raises:
        QuantizeError: the gain or the centre is outside what a channel holds.
    """
    return Channel.scaled(decimals, "linear", centre, gain)


def reading_of(found: Channel) -> tuple[float, float]:
    """`(gain, offset)` with which a linear channel's feature in standard deviations gives the value it was read from."""
    if found.never_changes:
        return 0.0, found.offset / 10.0**found.decimals
    scale = found.gain * 10.0**found.decimals
    return 4096 / scale, found.offset / 10.0**found.decimals - found.zero_point / scale
