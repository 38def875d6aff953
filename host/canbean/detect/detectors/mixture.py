"""What the bus does in a window of time, by a Dirichlet-process mixture of Gaussians.

A window begins with a frame and ends before the first frame that comes `window_us` or more after it, with which it is
judged and the next one begins: a long pause makes no empty windows. Its features are logarithms (`tiny.fixed.bucket`):

1. frames,
2. known ids,
3. the longest silence between two frames, in microseconds,
4. bits by which the folded payloads of known ids changed, plus 1, to a frame of theirs: a payload's bytes
   exclusive-ored are one byte, so that a board keeps one byte of each id for the Hamming distance to its last payload,
5. payloads of known ids whose fold changed, plus 1, to a frame of theirs.

The mixture has diagonal covariances and as many components, of eight, as a Dirichlet-process prior leaves weight (Blei
& Jordan 2006, in scikit-learn). The vectorised twin of `firmware/canbean/windows.py`.

WNDW:

```
gate | u16 ids | u8 features | u8 zero | u32 window_us | level (level.py)
i16 centre [5] | u16 scale [5]: a feature is ((bucket - centre) * scale) >> 6 in 1/4096 standard deviation
u8 usual [ids], frames a window | the mixture, as GMIX (tiny/mixture.py)
```
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.level import Level, gate
from canbean.detect.order import Places
from canbean.detect.timed import COUNT_MOST, FEATURES, PAYLOADS, Timed, timed
from canbean.detect.windows import BUS, Clean, Gate, Judged, Traffic
from canbean.detect.words import unbucket
from canbean.errors import ModelError
from canbean.tiny.deviation import INT16
from canbean.tiny.fixed import bucket
from canbean.tiny.mixture import MOST, Mixture
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAG = "WNDW"
BOARD = "windows"  # the module of `firmware/canbean` with its twin
KINDS = ("bus-load", "rate", "rate", "payload", "payload")
WHAT = ("frames", "ids", "us of silence", "changed bits of folded payloads", "changed payloads")
COUNTS = 2  # the first features are about how often ids come
PERSISTENT = (2, 3)  # a change of driving passes in one window; what an attack does stays for some
COMPONENTS = 8
LIGHT = 0.01
CONCENTRATION = 0.1
# Buckets of 1/64 octave that are no news of a feature, however little it varied: the longest silence moves as the
# senders' clocks drift apart, payloads change with the way of driving.
SPREAD_LEAST = np.array([4.0, 8.0, 32.0, 16.0, 16.0])
NARROW = 0.5  # of a feature's variance is the least that a component has
WINDOWS_LEAST = 100  # in either part of the clean log
WINDOW_MOST_US = 100_000_000  # well below where the board's times saturate
WINDOWS_US = (250_000, 500_000, 1_000_000)
FRAMES_USUAL = 64  # the shortest window that has so many is taken
CENTRE_MOST = 2047
SCALE_LEAST = 128
BUCKET_MOST = 1919
_HEADER = struct.Struct("<HBBI")


@dataclass(frozen=True, eq=False)
class Windows:
    """What windows of time are like.

    Attributes:
        gate: between its bits and an alert.
        level: from the mixture's bits to honest ones.
        window_us: length of a window.
        centre, scale: int64 (5,), of the features.
        usual: int64 (n,), frames of each id in a window.
        mixture: of the features in 1/4096 standard deviation.
    """

    gate: Gate
    level: Level
    window_us: int
    centre: NDArray[np.int64]
    scale: NDArray[np.int64]
    usual: NDArray[np.int64]
    mixture: Mixture

    def to_bytes(self) -> bytes:
        """The `WNDW` section."""
        header = _HEADER.pack(len(self.usual), FEATURES, 0, self.window_us)
        features = self.centre.astype("<i2").tobytes() + self.scale.astype("<u2").tobytes()
        usual = padded(self.usual.astype(np.uint8).tobytes())
        parts = [self.gate.to_bytes(), header, self.level.to_bytes(), features, usual]
        return b"".join([*parts, self.mixture.to_bytes()])

    def gated(self, gate: Gate) -> Windows:
        """The same behind another gate."""
        return replace(self, gate=gate)

    def standard(self, features: NDArray[np.int64]) -> NDArray[np.int64]:
        """Features (w, 5) in 1/4096 standard deviation."""
        x: NDArray[np.int64] = np.clip((features - self.centre) * self.scale >> 6, -INT16, INT16)
        return x

    def judge(self, traffic: Traffic) -> Judged:
        """Every window's surprise from a fresh start; blamed is an id only where its frames are too many or too few."""
        windows = timed(traffic, Places.of(traffic), self.window_us)
        x = self.standard(windows.features)
        raw = self.mixture.predict(x)
        blamed = np.full(len(raw), BUS)
        loud = np.flatnonzero(raw > self.level.edge)
        leading, mean = self._leading(x[loud])
        for window, feature, usual in zip(loud.tolist(), leading.tolist(), mean.tolist(), strict=True):
            if feature < COUNTS:
                sign = 1 if x[window, feature] >= usual else -1
                more = sign * (windows.counts(window, traffic) - self.usual)
                blamed[window] = int(more.argmax()) if more.max() > 0 else BUS
        found = dict(zip(loud.tolist(), zip(leading.tolist(), mean.tolist(), strict=True), strict=True))
        return Judged(
            windows.at,
            self.level.bits(raw),
            blamed,
            lambda window: self._words(windows, window, *found[window]),
        )

    def _leading(self, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each window the feature that deviates most from the nearest component, and its mean there, (w,) each."""
        one = self.mixture
        shape = (len(x), len(one.mean), FEATURES)
        apart = np.abs(x[:, None, :] - one.mean).reshape(shape)
        apart = ((apart * one.multiplier >> one.shift - 1) + 1) >> 1
        nearest = one.each(x).argmin(axis=1)
        leading = apart[np.arange(len(x)), nearest].argmax(axis=1)
        return leading, one.mean[nearest, leading]

    def _words(self, windows: Timed, window: int, feature: int, mean: int) -> tuple[str, str, str]:
        usual = int(self.centre[feature]) + (mean << 6) // int(self.scale[feature])
        if feature >= PAYLOADS:
            usual += int(bucket(windows.known[window]))
        number = unbucket(max(min(usual, BUCKET_MOST), 0)) - (feature >= PAYLOADS)
        expected = f"about {number} {WHAT[feature]} in {self.window_us} us"
        return KINDS[feature], expected, f"{windows.about[window, feature]} {WHAT[feature]}"


def learn(clean: Clean) -> Windows | None:
    """Learn the windows of a bus; None where the log has too few of them, or where the later ones are all news."""
    traffic = clean.traffic
    places = Places.of(traffic)
    for window_us in WINDOWS_US:
        windows = timed(traffic, places, window_us)
        if len(windows.at) and np.median(windows.about[:, 0]) >= FRAMES_USUAL:
            break
    later = clean.later[windows.at]
    if min(later.sum(), (~later).sum()) < WINDOWS_LEAST:
        return None
    features = windows.features
    early = features[~later]
    centre = np.rint(early.mean(axis=0)).astype(np.int64)
    spread = np.maximum(early.std(axis=0), SPREAD_LEAST)
    usual = np.rint(np.bincount(traffic.row, minlength=len(traffic.keys)) / len(windows.at))
    made = Windows(
        Gate(1),
        Level(0, 0, 0),
        window_us,
        centre,
        np.clip(np.rint(64 * 4096 / spread), SCALE_LEAST, 65535).astype(np.int64),
        np.clip(usual, 0, COUNT_MOST).astype(np.int64),
        Mixture.from_float([1.0], np.zeros((1, FEATURES)), np.ones((1, FEATURES))),
    )
    x = made.standard(features)
    made = replace(made, mixture=_mixture(x[~later], clean.seed))
    raw = made.mixture.predict(x)
    made = replace(made, level=Level.fit(raw[~later], raw[later], counted=False))
    alone = gate(made.level.bits(raw[later]), clean.later_hours)
    made = made.gated(Gate(alone.threshold, *PERSISTENT))
    return made if made.level.bits(np.array([MOST]))[0] >= made.gate.threshold else None


def _mixture(x: NDArray[np.int64], seed: int) -> Mixture:
    """The mixture of windows (w, 5) in 1/4096 standard deviation, its bits counted from the likeliest point."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - slow to import
    from sklearn.mixture import BayesianGaussianMixture  # noqa: PLC0415

    fit = BayesianGaussianMixture(
        n_components=min(COMPONENTS, len(x) // 8),
        covariance_type="diag",
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=CONCENTRATION,
        reg_covar=NARROW,
        max_iter=200,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit.fit(x / 4096)
    variance = fit.covariances_
    peak = 0.5 * np.log2(2 * np.pi * variance).sum(axis=1) - np.log2(fit.weights_.clip(1e-300))
    heavy = fit.weights_ / fit.weights_.sum() >= LIGHT
    return Mixture.from_float(
        fit.weights_, fit.means_, variance, reference=float(peak[heavy].min()), least_weight=LIGHT
    )


def read(section: bytes) -> Windows:
    """Read a `WNDW` section.

    Raises:
        ModelError: its length or a number in it is not what it can be.
    """
    reader = Reader(section, "mixture: section WNDW")
    own = Gate(*reader.struct("HBB"))
    n, features, zero, window_us = reader.struct("HBBI")
    if n == 0 or features != FEATURES or zero or not 0 < window_us <= WINDOW_MOST_US:
        raise ModelError(f"{reader.where}: {n} ids, {features} features, windows of {window_us} us")
    level = Level.of(reader.struct("HHHH"), reader.where)
    numbers = reader.struct("5h5H")
    centre, scale = np.array(numbers[:FEATURES], np.int64), np.array(numbers[FEATURES:], np.int64)
    usual = reader.array("u1", n)
    if np.abs(centre).max() > CENTRE_MOST or scale.min() < SCALE_LEAST:
        raise ModelError(f"{reader.where}: a feature's centre or scale is out of range")
    mixture = Mixture.from_bytes(reader.rest(), "mixture")
    if mixture.features != FEATURES:
        raise ModelError(f"{reader.where}: its mixture is of {mixture.features} features")
    return Windows(own, level, window_us, centre, scale, usual, mixture)
