# A curve over one index of the features. The layout of SPLN is in the host's canbean.tiny.spline.
import struct
from array import array


class Spline:
    def __init__(self, section):
        self.features, self.shift, self.intervals, self.bias = struct.unpack_from("<BBHi", section)
        scores = 8 + (2 * self.features + 3 & ~3)
        if not self.features or not self.intervals or scores + 4 * self.intervals + 4 != len(section):
            raise ValueError("section SPLN does not hold what it says")
        self.weights = array("h", bytes(section[8 : 8 + 2 * self.features]))
        self.scores = array("i", bytes(section[scores:]))

    def predict(self, x):
        place = self.bias
        weights = self.weights
        for i in range(self.features):
            place += weights[i] * x[i]
        place >>= self.shift
        i = place >> 10
        if i < 0:
            i = 0
        elif i >= self.intervals:
            i = self.intervals - 1
        start = self.scores[i]
        return start + ((self.scores[i + 1] - start) * (place - (i << 10)) + 512 >> 10)
