# Polynomials of degree 1 to 3, one for each output. The layout of POLY is in the host's canbean.tiny.polynomial.
from array import array

try:
    from .polynomial_viper import polynomial as native
except Exception:
    # as in dense.py: no native code here
    native = None


class Polynomial:
    # `kernel` None takes the plain loop
    def __init__(self, section, kernel=native):
        self.kernel = kernel
        self.section = section
        self.features, self.degree, self.shift = section[0], section[1], section[2]
        self.outputs = section[3] + 1
        terms, combinations = 0, 1
        for d in range(self.degree):
            combinations = combinations * (self.features + d) // (d + 1)
            terms += combinations
        end = 4 + 4 * self.outputs
        # native code checks no index, and nothing takes memory before
        if (
            not 0 < terms < 256
            or self.shift > 15
            or len(section) != end + (2 * terms * self.outputs + 3 & ~3)
        ):
            raise ValueError("section POLY does not hold what it says")
        # the features, where whoever writes them spares `run` to copy them; behind them the other monomials, then
        # where the monomials begin that have no feature before the i-th
        self.given = array("h", bytes(2 * (terms + self.features)))
        self.out = array("i", bytes(4 * self.outputs))
        self.terms = terms
        # what `predict` may hand on at once
        self.ready = self.given if kernel else None
        if kernel is None:
            self.bias = array("i", bytes(section[4:end]))
            self.weights = array("h", bytes(section[end : end + 2 * terms * self.outputs]))

    def predict(self, x):
        if x is self.ready:
            return self.kernel(x, self.section, self.terms, self.out)
        return self.run(x)[0]

    # The buffer with the scores; it is valid until the next call.
    def run(self, x):
        # not four at once, which MicroPython does by a tuple
        monomials, features, terms = self.given, self.features, self.terms
        out = self.out
        if x is not monomials:
            for i in range(features):
                monomials[i] = x[i]
        if self.kernel:
            self.kernel(monomials, self.section, terms, out)
            return out
        weights, shift = self.weights, self.shift
        for i in range(features):
            monomials[terms + i] = i
        end = features
        for _ in range(1, self.degree):
            at = end
            for i in range(features):
                x = monomials[i]
                below = monomials[terms + i]
                monomials[terms + i] = at
                for k in range(below, end):
                    m = x * monomials[k] + 8192 >> 14
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
            for i in range(terms):
                acc += monomials[i] * weights[at] + half >> shift
                at += 1
            out[o] = acc + 8 >> 4
        return out
