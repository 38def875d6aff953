"""A variational autoencoder: how many bits the reconstruction of the features leaves unexplained.

The encoder gives the mean of the latent code, nothing is sampled, the decoder gives the features back. The surprise is
`0.5 * log2(e) * sum ((x - reconstruction) / sigma)**2` (`canbean.tiny.deviation`), in 1/16 bit rounded half up, at most
64 bits. An autoencoder is the same thing. (D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", 2013: this
is the reconstruction term of a Gaussian decoder, without its constant.)

VAEN:

```
u16 features | u16 zero | u32 bytes | DENS: encoder | u32 bytes | DENS: decoder
u16 multiplier [features] | u8 shift [features]
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.chain import embed, extract, quantize_chain, run_float
from canbean.tiny.dense import FEATURE, INT16, Dense
from canbean.tiny.deviation import check, deviation, quantize_sigma
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

MOST = 1024


@dataclass(frozen=True, eq=False)
class Vae:
    """An encoder, a decoder, and how exact the reconstruction of each feature is.

    Attributes:
        encoder: features to the mean of the latent code.
        decoder: latent code to features.
        multiplier: (features,), of `deviation.deviation`.
        shift: (features,), of `deviation.deviation`.
    """

    tag: ClassVar[str] = "VAEN"
    outputs: ClassVar[int] = 1

    encoder: Dense
    decoder: Dense
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("multiplier", "shift"):
            array = np.array(getattr(self, name), np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        code, back = self.encoder.layers[-1], self.decoder.layers[-1]
        if self.decoder.features != len(code.weights) or len(back.weights) != self.features:
            raise QuantizeError("the decoder does not lead from the encoder's code back to the features")
        if self.multiplier.shape != (self.features,) or self.shift.shape != (self.features,):
            raise QuantizeError("an autoencoder needs a standard deviation for each feature")
        if self.encoder.input_low > -INT16 or self.encoder.input_high < INT16:
            raise QuantizeError("the encoder does not take all 16-bit features")
        if code.low < self.decoder.input_low or code.high > self.decoder.input_high:
            raise QuantizeError("the decoder does not take all that the encoder gives")
        if back.low < -INT16 or back.high > INT16:
            raise QuantizeError("the reconstruction does not fit 16 bits")
        check(self.multiplier, self.shift)

    @classmethod
    def from_float(
        cls,
        encoder: tuple[Sequence[ArrayLike], Sequence[ArrayLike]],
        decoder: tuple[Sequence[ArrayLike], Sequence[ArrayLike]],
        sigma: ArrayLike,
        calibration: ArrayLike,
    ) -> Vae:
        """Quantize a trained autoencoder, ReLU between the layers of each half and none at their ends.

        Args:
            encoder: weights (outputs, inputs) and biases (outputs,) a layer, up to the latent mean.
            decoder: the same from the latent code to the features.
            sigma: (features,) standard deviation of the reconstruction's error.
            calibration: (n, features) standardised features; they set the range of each layer.

        Raises:
            QuantizeError: a number is not finite, shapes do not match, or the sums could overflow.
        """
        front, step = quantize_chain(*encoder, calibration, input_step=1 / FEATURE)
        code = run_float(*encoder, calibration)
        back, _ = quantize_chain(*decoder, code, input_step=step, output_step=1 / FEATURE)
        return cls(front, back, *quantize_sigma(np.atleast_1d(sigma)))

    @property
    def features(self) -> int:
        """Number of features."""
        return self.encoder.features

    @property
    def macs(self) -> int:
        """Multiplications of one run: one a weight, two a feature's error."""
        return self.encoder.macs + self.decoder.macs + 2 * self.features

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one run; its own call counts as one."""
        return 2 + self.encoder.calls + self.decoder.calls

    def reconstruct(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation, within +-32767, as the decoder gives them back, (n, d)."""
        return self.decoder.run(self.encoder.run(features))

    def run(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation to the surprise (n, 1) in 1/16 bit, at most 1024.

        Raises:
            QuantizeError: a feature is outside +-32767.
        """
        x = np.asarray(features, np.int64)
        if x.size and np.abs(x).max() > INT16:
            raise QuantizeError(f"an input is outside +-{INT16}")
        total = deviation(x - self.reconstruct(x), self.multiplier, self.shift)
        return np.asarray(np.minimum((total + (1 << 15)) >> 16, MOST), np.int64)[:, None]

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """The surprise (n,) in 1/16 bit; see `run`."""
        return self.run(features)[:, 0]

    def to_bytes(self) -> bytes:
        """The layout above."""
        head = struct.pack("<HH", self.features, 0) + embed(self.encoder) + embed(self.decoder)
        scales = padded(self.multiplier.astype("<u2").tobytes()) + padded(self.shift.astype("u1").tobytes())
        return head + scales

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Vae:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold an autoencoder whose sums fit; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section VAEN")
        features, zero = reader.struct("HH")
        encoder, decoder = extract(reader), extract(reader)
        if zero or features != encoder.features:
            raise ModelError(f"{reader.where}: its head does not say what its encoder takes")
        multiplier, shift = reader.array("u2", features), reader.array("u1", features)
        reader.end()
        try:
            return cls(encoder, decoder, multiplier, shift)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error
