# Radial basis functions: support vectors. The layout of RBFS is in the host's canbean.tiny.kernel.
import struct
from array import array

from .fixed import requantize

try:
    from .rbf_viper import kernel as native
except Exception:
    # as in dense.py: no native code here
    native = None

OCTAVES = (30 << 15) - 1
# 2**-(i/64) in 1/32768 as little-endian 16-bit numbers, i = 0..64
EXP2 = (
    b"\x00\x80\x9f\x7e\x42\x7d\xe8\x7b\x93\x7a\x41\x79\xf2\x77\xa8\x76\x60\x75\x1d\x74\xdd\x72\xa0\x71\x66\x70"
    b"\x30\x6f\xfe\x6d\xcf\x6c\xa2\x6b\x7a\x6a\x54\x69\x32\x68\x12\x67\xf6\x65\xdd\x64\xc7\x63\xb4\x62\xa3\x61"
    b"\x96\x60\x8c\x5f\x84\x5e\x80\x5d\x7e\x5c\x7f\x5b\x82\x5a\x89\x59\x92\x58\x9e\x57\xac\x56\xbd\x55\xd1\x54"
    b"\xe7\x53\xff\x52\x1b\x52\x38\x51\x58\x50\x7b\x4f\x9f\x4e\xc7\x4d\xf0\x4c\x1c\x4c\x4a\x4b\x7a\x4a\xad\x49"
    b"\xe2\x48\x19\x48\x52\x47\x8d\x46\xcb\x45\x0a\x45\x4c\x44\x90\x43\xd5\x42\x1d\x42\x67\x41\xb2\x40\x00\x40"
)


# 2**-u in 1/32768 for u below 30 octaves, in 1/32768 octave.
def exp2_q(u):
    i = (u >> 9 & 63) << 1
    start = EXP2[i] | EXP2[i + 1] << 8
    step = start - (EXP2[i + 2] | EXP2[i + 3] << 8)
    fraction = start - (step * (u & 511) + 256 >> 9)
    u >>= 15
    return fraction + (1 << u >> 1) >> u


class Kernel:
    # `kernel` None takes the plain loop
    def __init__(self, section, kernel=native):
        self.kernel = kernel
        self.section = section
        head = struct.unpack_from("<HBBBBBBHH", section)
        self.count, self.features, self.outputs, self.coarse, self.shift, self.guard = head[:6]
        self.exponent_shift, self.m1, self.m0 = head[6:]
        bias = 12 + 4 * self.outputs
        weights = 2 * self.count * self.outputs
        vectors = bias + (weights + 3 & ~3)
        size = 2 * self.count * self.features
        # native code checks no index and no shift, and nothing takes memory before
        if (
            vectors + (size + 3 & ~3) != len(section)
            or not size
            or not weights
            or self.coarse > 15
            or self.shift > 15
            or self.guard > 8
            or not 31 <= self.exponent_shift <= 62
            or (self.m1 | self.m0) >> 15
        ):
            raise ValueError("section RBFS does not hold what it says")
        # the features, where whoever writes them spares `run` to copy them; behind them those that are compared,
        # then the table of powers for native code
        self.given = array("h", bytes(4 * self.features) + (EXP2 if kernel else b""))
        self.out = array("i", bytes(4 * self.outputs))
        # what `predict` may hand on at once
        self.ready = self.given if kernel else None
        if kernel is None:
            self.bias = array("i", bytes(section[12:bias]))
            self.weights = array("h", bytes(section[bias : bias + weights]))
            self.vectors = array("h", bytes(section[vectors : vectors + size]))
            self.query = array("h", bytes(2 * self.features))

    # The buffer with the scores; it is valid until the next call.
    def run(self, x):
        if self.kernel is None:
            return self.plain(x)
        given = self.given
        if x is not given:
            for i in range(self.features):
                given[i] = x[i]
        self.kernel(given, self.section, self.features, self.out)
        return self.out

    def predict(self, x):
        if x is self.ready:
            return self.kernel(x, self.section, self.features, self.out)
        return self.run(x)[0]

    def plain(self, x):
        vectors, query = self.vectors, self.query
        weights, out = self.weights, self.out
        features, outputs = self.features, self.outputs
        m1, m0 = self.m1, self.m0
        exponent_shift, shift = self.exponent_shift, self.shift
        coarse = self.coarse
        half = 1 << coarse >> 1
        for i in range(features):
            query[i] = x[i] + half >> coarse
        for o in range(outputs):
            out[o] = self.bias[o]
        half = 1 << shift >> 1
        at = w = 0
        for _ in range(self.count):
            distance = 0
            for i in range(features):
                difference = query[i] - vectors[at]
                distance += difference * difference
                at += 1
            k = exp2_q(requantize(distance, m1, m0, exponent_shift, 0, 0, OCTAVES))
            for o in range(outputs):
                out[o] += k * weights[w] + half >> shift
                w += 1
        guard = self.guard
        half = 1 << guard >> 1
        for o in range(outputs):
            out[o] = out[o] + half >> guard
        return out
