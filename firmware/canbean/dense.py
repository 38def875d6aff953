# Dense layers with int8 weights. The layout of DENS is in the host's canbean.tiny.dense.
# Weights stay in the section: uint8 with offset 128, which is why the sum of the inputs is taken off.
import struct
from array import array

from .fixed import requantize

try:
    from .dense_viper import layer as native
except Exception:
    # CPython, a VM without native code, an .mpy for another processor, no room for it: the plain loop does the same
    native = None

HEAD = "<HHiiii"


class Dense:
    # `kernel` None takes the plain loop; other kinds hold layers from `start` to `end` of their sections
    def __init__(self, section, kernel=native, start=0, end=None):
        if end is None:
            end = len(section)
        self.section = section
        self.kernel = kernel
        self.layers = []
        self.start = at = start + 12
        self.count = section[start]
        widest = outputs = 0
        for _ in range(self.count):
            width = outputs
            inputs, outputs, _, zero_out, low, high = struct.unpack_from(HEAD, section, at)
            bias = at + 20
            half = 2 * outputs + 3 & ~3
            m1 = bias + 4 * outputs
            m0 = m1 + half
            shifts = m0 + half
            weights = shifts + (outputs + 3 & ~3)
            at = weights + (outputs * inputs + 3 & ~3)
            # native code checks no index
            if at > end or width not in (0, inputs) or not inputs or not outputs:
                raise ValueError("section DENS does not hold what it says")
            if kernel is None:
                folded = array("i", bytes(section[bias:m1]))
                halves = [array("H", bytes(section[i : i + 2 * outputs])) for i in (m1, m0)]
                rest = (folded, halves[0], halves[1], shifts, weights)
                self.layers.append((inputs, outputs, zero_out, low, high) + rest)
            widest = max(widest, outputs)
        if at != end or not outputs:
            raise ValueError("section DENS does not hold what it says")
        self.features = struct.unpack_from("<H", section, self.start)[0]
        self.outputs = outputs
        # whoever writes the inputs here spares `run` to copy them
        self.given = array("i", bytes(4 * self.features))
        # bytes of an input
        self.width = 4
        self.front = array("i", bytes(4 * widest))
        self.back = array("i", bytes(4 * widest))

    # The buffer with the outputs; it is valid until the next call.
    # `breathe` is called between its pieces: layers of native code, outputs in bytecode.
    def run(self, x, breathe=None):
        kernel, section = self.kernel, self.section
        if kernel is None:
            return self.plain(x, breathe)
        given = self.given
        if x is not given:
            for i in range(self.features):
                given[i] = x[i]
        x = given
        y, other = self.front, self.back
        at = self.start
        for _ in range(self.count):
            at = kernel(x, section, at, y)
            x = y
            y, other = other, y
            if breathe:
                breathe()
        return x

    def plain(self, x, breathe):
        section = self.section
        y, other = self.front, self.back
        for layer in self.layers:
            inputs, outputs, zero_out, low, high, bias, m1, m0, shifts, w = layer
            total = 0
            for i in range(inputs):
                total += x[i]
            total <<= 7
            for j in range(outputs):
                acc = bias[j] - total
                for i in range(inputs):
                    acc += x[i] * section[w]
                    w += 1
                y[j] = requantize(acc, m1[j], m0[j], section[shifts + j], zero_out, low, high)
                if breathe:
                    breathe()
            x = y
            y, other = other, y
        return x

    def predict(self, x):
        return self.run(x)[0]
