# Trees that add up. The layout of FRST is in the host's canbean.tiny.forest.
# Nodes and leaves stay in the section; 32768 is taken off what it holds.
import struct
from array import array


class Forest:
    def __init__(self, section):
        self.section = section
        head = struct.unpack_from("<BBBbHH", section)
        self.features, self.outputs, flags, self.shift, self.trees, rows = head
        self.inline = flags & 1
        # how many numbers a leaf holds
        self.columns = self.outputs if flags & 2 else 1
        self.table = 8 + 4 * self.outputs
        self.bias = array("i", section[8 : self.table])
        self.first = self.table + (2 * rows * self.columns + 3 & ~3)
        self.out = array("i", bytes(4 * self.outputs))

    # The buffer with the scores; it is valid until the next call.
    def run(self, x):
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

    def predict(self, x):
        return self.run(x)[0]
