# Trees that add up. The layout of FRST is in the host's canbean.tiny.forest.
# Nodes and leaves stay in the section; 32768 is taken off what it holds.
import struct
from array import array

try:
    from .forest_viper import forest as native
except Exception:
    # as in dense.py: no native code here
    native = None


# Walks a tree once: native code checks no index. Each node lies inside, asks for a feature that there is or names a
# row that there is, and right children begin where left ones end.
def check(section, at, end, features, rows, inline):
    waiting = []
    while at < end:
        node = section[at]
        if node < 128:
            long = node >> 6
            if at + 5 + long > end or node & 63 >= features:
                break
            at += 4 + long
            waiting.append(at + (section[at - 1] << 8 | section[at - 2] if long else section[at - 1]))
            continue
        two = inline or node & 64
        at += 2 if two else 1
        if at > end or not inline and ((node & 63) << 8 | section[at - 1] if two else node & 63) >= rows:
            break
        if not waiting:
            if at == end:
                return
            break
        if waiting.pop() != at:
            break
    raise ValueError("section FRST does not hold what it says")


class Forest:
    # `kernel` None takes the plain loop
    def __init__(self, section, kernel=native):
        self.section = section
        self.kernel = kernel
        head = struct.unpack_from("<BBBbHH", section)
        self.features, self.outputs, flags, self.shift, self.trees, rows = head
        self.inline = flags & 1
        # how many numbers a leaf holds
        self.columns = self.outputs if flags & 2 else 1
        self.table = 8 + 4 * self.outputs
        self.first = end = self.table + (2 * rows * self.columns + 3 & ~3)
        size = len(section)
        fits = self.trees and 0 < self.features <= 63 and self.outputs and flags < 4 and -25 < self.shift < 25
        for _ in range(self.trees if fits else 0):
            at = end + 2
            fits = at <= size
            if not fits:
                break
            end = at + (section[end] | section[end + 1] << 8)
            fits = end <= size
            if not fits:
                break
            check(section, at, end, self.features, rows, self.inline)
        if not fits or end + 3 & ~3 != size:
            raise ValueError("section FRST does not hold what it says")
        self.bias = array("i", bytes(section[8 : self.table]))
        # whoever writes the features here spares `run` to copy them
        self.given = array("h", bytes(2 * self.features))
        self.out = array("i", bytes(4 * self.outputs))
        # what `predict` may hand on at once
        self.ready = self.given if kernel else None

    # The buffer with the scores; it is valid until the next call.
    def run(self, x):
        if self.kernel is None:
            return self.plain(x)
        given = self.given
        if x is not given:
            for i in range(self.features):
                given[i] = x[i]
        self.kernel(given, self.section, self.first, self.out)
        return self.out

    def predict(self, x):
        if x is self.ready:
            return self.kernel(x, self.section, self.first, self.out)
        return self.run(x)[0]

    def plain(self, x):
        section, out, inline = self.section, self.out, self.inline
        outputs, columns, table = self.outputs, self.columns, self.table
        for o in range(outputs):
            out[o] = 0
        o = 0
        end = self.first
        for _ in range(self.trees):
            at = end + 2
            end = at + (section[end] | section[end + 1] << 8)
            node = section[at]
            while node < 128:
                if x[node & 63] <= (section[at + 1] | section[at + 2] << 8) - 32768:
                    at += 4 + (node >> 6)
                elif node & 64:
                    at += 5 + (section[at + 3] | section[at + 4] << 8)
                else:
                    at += 4 + section[at + 3]
                node = section[at]
            if inline:
                out[o] += ((node & 127) << 8 | section[at + 1]) - 16384
            else:
                row = (node & 63) << 8 | section[at + 1] if node & 64 else node & 63
                at = table + 2 * columns * row
                for i in range(columns):
                    out[o + i] += (section[at] | section[at + 1] << 8) - 32768
                    at += 2
            if columns < outputs:
                o = o + 1 if o + 1 < outputs else 0
        bias, shift = self.bias, self.shift
        half = 1 << -shift >> 1 if shift < 0 else 0
        for o in range(outputs):
            total = out[o] + half
            out[o] = (total << shift if shift >= 0 else total >> -shift) + bias[o]
        return out
