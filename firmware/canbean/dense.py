# Dense layers with int8 weights. The layout of DENS is in the host's canbean.tiny.dense.
# Weights stay in the section: uint8 with offset 128, which is why the sum of the inputs is taken off.
import struct
from array import array

from .fixed import requantize

HEAD = "<HHiiii"


class Dense:
    def __init__(self, section):
        self.section = section
        self.layers = []
        at, widest = 12, 0
        for _ in range(section[0]):
            inputs, outputs, _, zero_out, low, high = struct.unpack_from(HEAD, section, at)
            at += 20
            bias = array("i", section[at : at + 4 * outputs])
            at += 4 * outputs
            half = 2 * outputs + 3 & ~3
            m1 = array("H", section[at : at + 2 * outputs])
            m0 = array("H", section[at + half : at + half + 2 * outputs])
            shifts = at + 2 * half
            weights = shifts + (outputs + 3 & ~3)
            at = weights + (outputs * inputs + 3 & ~3)
            self.layers.append((inputs, outputs, zero_out, low, high, bias, m1, m0, shifts, weights))
            widest = max(widest, outputs)
        if at != len(section):
            raise ValueError("section DENS does not hold what it says")
        self.features = self.layers[0][0]
        self.outputs = outputs
        self.front = array("i", bytes(4 * widest))
        self.back = array("i", bytes(4 * widest))

    # The buffer with the outputs; it is valid until the next call.
    def run(self, x):
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
            x = y
            y, other = other, y
        return x

    def predict(self, x):
        return self.run(x)[0]
