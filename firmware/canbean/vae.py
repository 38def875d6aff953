# An autoencoder: the bits that its reconstruction leaves unexplained. The layout of VAEN is in the host's
# canbean.tiny.vae.
import struct
from array import array

from .dense import Dense
from .deviation import deviation


class Vae:
    outputs = 1

    def __init__(self, section):
        (self.features,) = struct.unpack_from("<H", section)
        middle = 8 + struct.unpack_from("<I", section, 4)[0]
        # an offset far past the section is never asked for: its address could wrap
        end = middle + 4 + (struct.unpack_from("<I", section, middle)[0] if middle < len(section) else 0)
        at = end + (2 * self.features + 3 & ~3)
        if at + (self.features + 3 & ~3) != len(section):
            raise ValueError("section VAEN does not hold what it says")
        self.encoder = Dense(section, start=8, end=middle)
        self.decoder = Dense(section, start=middle + 4, end=end)
        ends = (self.encoder.features, self.decoder.outputs, self.decoder.features)
        if ends != (self.features, self.features, self.encoder.outputs):
            raise ValueError("section VAEN does not hold what it says")
        self.multipliers = array("H", bytes(section[end : end + 2 * self.features]))
        self.shifts = section[at : at + self.features]
        self.answer = array("i", bytes(4))

    # The buffer with the surprise in 1/16 bit.
    def run(self, x):
        self.answer[0] = self.predict(x)
        return self.answer

    def predict(self, x):
        back = self.decoder.run(self.encoder.run(x))
        bits = deviation(x, back, self.multipliers, self.shifts, 0, self.features) + 32768 >> 16
        return bits if bits < 1024 else 1024
