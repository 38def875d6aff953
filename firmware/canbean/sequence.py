# Which symbol follows which. The layout of SEQN is in the host's canbean.tiny.sequence.
import struct
from array import array


class Transitions:
    features = 1
    outputs = 1

    def __init__(self, section):
        self.symbols, size, _, count, self.unknown = struct.unpack_from("<HBBHH", section)
        at = 8 + (2 * self.symbols + 5 & ~3)
        end = at + (2 * self.symbols + 3 & ~3) + (2 * count + 3 & ~3) + (size * count + 3 & ~3)
        if not self.symbols or size not in (1, 2) or end != len(section):
            raise ValueError("section SEQN does not hold what it says")
        self.starts = array("H", bytes(section[8 : 10 + 2 * self.symbols]))
        self.defaults = array("H", bytes(section[at : at + 2 * self.symbols]))
        at += 2 * self.symbols + 3 & ~3
        self.successors = array("H", bytes(section[at : at + 2 * count]))
        at += 2 * count + 3 & ~3
        self.bits = array("H" if size == 2 else "B", bytes(section[at : at + size * count]))
        self.answer = array("i", bytes(4))
        self.reset()

    # The next symbol begins a new sequence.
    def reset(self):
        self.last = -1

    # The bits of the next symbol in 1/16.
    def step(self, symbol):
        last = self.last
        if symbol < 0 or symbol >= self.symbols:
            self.last = -1
            return self.unknown
        self.last = symbol
        if last < 0:
            return 0
        successors = self.successors
        low = self.starts[last]
        end = high = self.starts[last + 1]
        while low < high:
            middle = low + high >> 1
            if successors[middle] < symbol:
                low = middle + 1
            else:
                high = middle
        if low < end and successors[low] == symbol:
            return self.bits[low]
        return self.defaults[last]

    # The buffer with the bits of the symbol x[0].
    def run(self, x):
        self.answer[0] = self.step(x[0])
        return self.answer

    def predict(self, x):
        return self.step(x[0])
