"""What other open meters compute, written anew from their descriptions, to be run on the same simulated readings.

Neither knows anything of our calibration; both are given what their makers do: a gain set on white before the first cup.
"""

import warnings

import numpy as np


def juztins(counts, white):
    """juztins-lab's formula on infrared counts (n,): thousands, whole ones, then x - (117 - x) 0.165, rounded.

    `white` is what a thick heap of baking soda (93 %) reads on this unit; its LED is set so that this is 230 thousand.
    """
    x = np.floor(counts * (230_000 / white) / 1000)
    return np.round(x - (117 - x) * 0.165)


def hsv(rgb):
    """Hue, saturation, value 0..1 of colours (n, 3) that are 1 on white."""
    most, least = rgb.max(axis=1), rgb.min(axis=1)
    spread = np.maximum(most - least, 1e-9)
    r, g, b = rgb.T
    hue = np.where(
        most == r, (g - b) / spread % 6, np.where(most == g, (b - r) / spread + 2, (r - g) / spread + 4)
    )
    return np.stack([hue / 6, spread / np.maximum(most, 1e-9), most], axis=1)


class Gy33:
    """gy33-agtron's: raw red, green and blue, balanced on white, to hue, saturation and value to a tanh network 3-10-5-3-1."""

    def __init__(self, counts, white, reference, seed=0):
        from sklearn.neural_network import MLPRegressor

        x = hsv(counts[:, :3] / white[:3])
        self.middle, self.spread = x.mean(axis=0), x.std(axis=0) + 1e-9
        self.net = MLPRegressor(
            hidden_layer_sizes=(10, 5, 3),
            activation="tanh",
            solver="lbfgs",
            alpha=1e-3,
            max_iter=3000,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.net.fit((x - self.middle) / self.spread, reference / 180)

    def read(self, counts, white):
        x = hsv(counts[:, :3] / white[:3])
        return 180 * self.net.predict((x - self.middle) / self.spread)
