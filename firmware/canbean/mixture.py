# A mixture of Gaussians: -log2 p in 1/16 bit. The layout of GMIX is in the host's canbean.tiny.mixture.
import struct
from array import array

from .curves import exp2_q15
from .deviation import deviation
from .fixed import log2_q12


class Mixture:
    outputs = 1

    def __init__(self, section):
        self.count, self.features = struct.unpack_from("<HB", section)
        size = self.count * self.features
        at = 4 + 4 * self.count
        if not size or at + 2 * (2 * size + 3 & ~3) + (size + 3 & ~3) != len(section):
            raise ValueError("section GMIX does not hold what it says")
        self.constants = array("i", bytes(section[4:at]))
        self.means = array("h", bytes(section[at : at + 2 * size]))
        at += 2 * size + 3 & ~3
        self.multipliers = array("H", bytes(section[at : at + 2 * size]))
        at += 2 * size + 3 & ~3
        self.shifts = section[at : at + size]
        # a component's bits in 1/4096
        self.bits = array("i", bytes(4 * self.count))
        self.answer = array("i", bytes(4))

    # The buffer with the answer.
    def run(self, x):
        self.answer[0] = self.predict(x)
        return self.answer

    def predict(self, x, breathe=None):
        bits = self.bits
        features = self.features
        least = 1 << 28
        at = 0
        for k in range(self.count):
            b = deviation(x, self.means, self.multipliers, self.shifts, at, features) + 128 >> 8
            b += self.constants[k]
            bits[k] = b
            if b < least:
                least = b
            at += features
            if breathe:
                breathe()
        # log-sum-exp in base 2, the likeliest component first taken off
        total = 0
        for k in range(self.count):
            total += exp2_q15(bits[k] - least)
        b = least + 61440 - log2_q12(total) + 128 >> 8
        return b if b < 1024 else 1024
