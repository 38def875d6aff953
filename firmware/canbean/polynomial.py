# Polynomials of degree 1 to 3, one for each output. The layout of POLY is in the host's canbean.tiny.polynomial.
from array import array


class Polynomial:
    def __init__(self, section):
        self.features, self.degree, self.shift = section[0], section[1], section[2]
        self.outputs = section[3] + 1
        terms, combinations = 0, 1
        for d in range(self.degree):
            combinations = combinations * (self.features + d) // (d + 1)
            terms += combinations
        end = 4 + 4 * self.outputs
        # before any memory is taken for it
        if not terms or len(section) != end + (2 * terms * self.outputs + 3 & ~3):
            raise ValueError("section POLY does not hold what it says")
        self.bias = array("i", section[4:end])
        self.weights = array("h", section[end : end + 2 * terms * self.outputs])
        self.monomials = array("h", bytes(2 * terms))
        self.out = array("i", bytes(4 * self.outputs))
        # where the monomials begin that have no feature before the i-th, in the degree below and in this one
        self.below = array("H", bytes(2 * self.features))
        self.starts = array("H", bytes(2 * self.features))

    # The buffer with the scores; it is valid until the next call.
    def run(self, x):
        monomials, weights, shift = self.monomials, self.weights, self.shift
        below, starts, out = self.below, self.starts, self.out
        features = self.features
        for i in range(features):
            monomials[i] = x[i]
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
                    at += 1
            end = at
        half = 1 << shift >> 1
        at = 0
        for o in range(self.outputs):
            acc = self.bias[o]
            for i in range(end):
                acc += monomials[i] * weights[at] + half >> shift
                at += 1
            out[o] = acc + 8 >> 4
        return out

    def predict(self, x):
        return self.run(x)[0]
