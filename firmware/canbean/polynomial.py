# A polynomial of degree 1 to 3. The layout of POLY is in the host's canbean.tiny.polynomial.
import struct
from array import array


class Polynomial:
    def __init__(self, section):
        self.features, self.degree, self.shift, _, self.bias = struct.unpack_from("<BBBBi", section)
        terms, combinations = 0, 1
        for d in range(self.degree):
            combinations = combinations * (self.features + d) // (d + 1)
            terms += combinations
        # before any memory is taken for it
        if not terms or len(section) != 8 + (2 * terms + 3 & ~3):
            raise ValueError("section POLY does not hold what it says")
        self.weights = array("h", section[8 : 8 + 2 * terms])
        self.monomials = array("h", bytes(2 * terms))
        # where the monomials begin that have no feature before the i-th, in the degree below and in this one
        self.below = array("H", bytes(2 * self.features))
        self.starts = array("H", bytes(2 * self.features))

    def predict(self, x):
        monomials, weights, shift = self.monomials, self.weights, self.shift
        below, starts = self.below, self.starts
        features = self.features
        half = 1 << shift >> 1
        acc = self.bias
        for i in range(features):
            monomials[i] = x[i]
            acc += x[i] * weights[i] + half >> shift
            starts[i] = i
        end = features
        for _ in range(1, self.degree):
            at = end
            for i in range(features):
                below[i] = starts[i]
                starts[i] = at
                for k in range(below[i], end):
                    m = x[i] * monomials[k] + 8192 >> 14
                    if m > 32767:
                        m = 32767
                    elif m < -32767:
                        m = -32767
                    monomials[at] = m
                    acc += m * weights[at] + half >> shift
                    at += 1
            end = at
        return acc + 8 >> 4
