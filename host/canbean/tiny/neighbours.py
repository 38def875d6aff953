"""The k nearest neighbours: the mean target of the stored points closest to the features.

Distances are sums of squares of features with 8 fraction bits. A difference is at most 4,096, so that the sum over 63
features stays below 2**30. Of equally close points the one stored first counts.

KNNS:

```
u16 points | u8 features | u8 k | i32 target a point in 1/256 point | i16 features of each point in 1/256
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEATURES_MOST = 63
K_MOST = 32
POINTS_MOST = 4096
POINT_LIMIT = 2048
TARGET_LIMIT = 1 << 23
_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The stored points of a k-nearest-neighbours regression.

    Attributes:
        k: how many neighbours are averaged.
        points: (m, d), features in 1/256 standard deviation, within +-2048.
        targets: (m,), in 1/256 point.
    """

    tag: ClassVar[str] = "KNNS"

    k: int
    points: NDArray[np.int64]
    targets: NDArray[np.int64]

    def __post_init__(self) -> None:
        points = np.array(self.points, np.int64)
        targets = np.array(self.targets, np.int64)
        if points.ndim != 2 or targets.shape != points.shape[:1]:
            raise QuantizeError("the nearest neighbours need a table of points and a target for each")
        if not 1 <= points.shape[1] <= FEATURES_MOST or not 1 <= len(points) <= POINTS_MOST:
            raise QuantizeError(
                f"{len(points)} points of {points.shape[1]} features: "
                f"1 to {POINTS_MOST} of 1 to {FEATURES_MOST} are possible"
            )
        if not 1 <= self.k <= min(K_MOST, len(points)):
            raise QuantizeError(f"k is {self.k}; 1 to {min(K_MOST, len(points))} are possible")
        if np.abs(points).max() > POINT_LIMIT or np.abs(targets).max() >= TARGET_LIMIT:
            raise QuantizeError("a stored point or its target is too large")
        for array in (points, targets):
            array.setflags(write=False)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "targets", targets)

    @classmethod
    def from_float(cls, k: int, points: ArrayLike, targets: ArrayLike) -> Neighbours:
        """Quantize the points of a fitted regression.

        Args:
            k: how many neighbours are averaged, with equal weights.
            points: (m, d) standardised features; past 8 standard deviations they saturate.
            targets: (m,) in points of the scale.

        Raises:
            QuantizeError: a number is not finite or too large.
        """
        table, scores = np.asarray(points, np.float64), np.asarray(targets, np.float64)
        if not np.isfinite(table).all() or not np.isfinite(scores).all():
            raise QuantizeError("a neighbour has a value that is not a finite number")
        stored = np.clip(np.floor(table * 256 + 0.5), -POINT_LIMIT, POINT_LIMIT)
        score = np.clip(np.floor(scores * 256 + 0.5), -TARGET_LIMIT, TARGET_LIMIT)
        return cls(k, stored.astype(np.int64), score.astype(np.int64))

    @property
    def features(self) -> int:
        """Number of features."""
        return int(self.points.shape[1])

    @property
    def macs(self) -> int:
        """Multiplications of one prediction: one a stored feature; keeping the nearest counts as one a point."""
        return int(self.points.size) + len(self.points)

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one prediction; its own call counts as one."""
        return 1

    def nearest(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation to the numbers (n, k) of the nearest points, nearest first."""
        x = (np.asarray(features, np.int64) + 8) >> 4
        result = np.empty((len(x), self.k), np.int64)
        for at in range(0, len(x), _CHUNK):
            part = x[at : at + _CHUNK]
            distances = np.zeros((len(part), len(self.points)), np.int64)
            for i in range(self.features):
                distances += (part[:, i, None] - self.points[None, :, i]) ** 2
            result[at : at + _CHUNK] = np.argsort(distances, axis=1, kind="stable")[:, : self.k]
        return result

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation, within +-32767, to scores (n,) in 1/256 point."""
        total = self.targets[self.nearest(features)].sum(axis=1)
        return np.asarray((2 * total + self.k) // (2 * self.k), np.int64)

    def to_bytes(self) -> bytes:
        """The layout above."""
        head = struct.pack("<HBB", len(self.points), self.features, self.k)
        return head + self.targets.astype("<i4").tobytes() + padded(self.points.astype("<i2").tobytes())

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Neighbours:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold nearest neighbours; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section KNNS")
        count, features, k = reader.struct("HBB")
        targets = reader.array("i4", count)
        points = reader.array("i2", count * features)
        reader.end()
        try:
            return cls(k, points.reshape(count, features), targets)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error
