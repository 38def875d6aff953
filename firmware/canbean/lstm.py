# A layer of LSTM cells and its head. The layout of LSTM is in the host's canbean.tiny.lstm.
import struct
from array import array

from .curves import sigmoid_q15, tanh_q15
from .dense import Dense


class Lstm:
    def __init__(self, section):
        self.features, self.cells, self.bits = struct.unpack_from("<HHB", section)
        end = 12 + struct.unpack_from("<I", section, 8)[0]
        # an offset far past the section is never asked for: its address could wrap
        if end > len(section) or end + 4 + struct.unpack_from("<I", section, end)[0] != len(section):
            raise ValueError("section LSTM does not hold what it says")
        self.gates = Dense(section, start=12, end=end)
        self.head = Dense(section, start=end + 4)
        width = self.features + self.cells
        if (self.gates.features, self.gates.outputs, self.head.features) != (
            width,
            4 * self.cells,
            self.cells,
        ):
            raise ValueError("section LSTM does not hold what it says")
        self.outputs = self.head.outputs
        # the inputs, then the hidden state
        self.joined = array("h", bytes(2 * (self.features + self.cells)))
        self.hidden = array("h", bytes(2 * self.cells))
        self.memory = array("h", bytes(2 * self.cells))

    # The next row begins a new sequence.
    def reset(self):
        for j in range(self.cells):
            self.hidden[j] = 0
            self.memory[j] = 0

    # One step. The buffer with the outputs; it is valid until the next call.
    def run(self, x, breathe=None):
        joined, hidden, memory = self.joined, self.hidden, self.memory
        features = self.features
        cells = self.cells
        bits = self.bits
        for i in range(features):
            joined[i] = x[i]
        for j in range(cells):
            joined[features + j] = hidden[j]
        gates = self.gates.run(joined, breathe)
        for j in range(cells):
            c = sigmoid_q15(gates[cells + j]) * memory[j] >> 4
            c += sigmoid_q15(gates[j]) * tanh_q15(gates[2 * cells + j]) >> 8
            c = c + 1024 >> 11
            if c > 32767:
                c = 32767
            elif c < -32767:
                c = -32767
            memory[j] = c
            # half up in two steps, because the product comes close to 2**30
            h = sigmoid_q15(gates[3 * cells + j]) * tanh_q15(c << 1) >> 14
            hidden[j] = h + (1 << 15 - bits) >> 16 - bits
            if breathe:
                breathe()
        return self.head.run(hidden, breathe)

    def predict(self, x):
        return self.run(x)[0]
