# Radial basis functions: support vectors. The layout of RBFS is in the host's canbean.tiny.kernel.
import struct
from array import array

from .fixed import requantize

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
    def __init__(self, section):
        head = struct.unpack_from("<HBBBBBBHH", section)
        self.count, self.features, self.outputs, self.coarse, self.shift, self.guard = head[:6]
        self.exponent_shift, self.m1, self.m0 = head[6:]
        at = 12
        end = at + 4 * self.outputs
        self.bias = array("i", section[at:end])
        at = end
        end = at + 2 * self.count * self.outputs
        self.weights = array("h", section[at:end])
        at = end + 3 & ~3
        self.vectors = array("h", section[at : at + 2 * self.count * self.features])
        self.query = array("h", bytes(2 * self.features))
        self.out = array("i", bytes(4 * self.outputs))

    # The buffer with the scores; it is valid until the next call.
    def run(self, x):
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

    def predict(self, x):
        return self.run(x)[0]
