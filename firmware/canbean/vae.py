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
        end = 8 + struct.unpack_from("<I", section, 4)[0]
        self.encoder = Dense(section[8:end])
        at = end + 4
        end = at + struct.unpack_from("<I", section, end)[0]
        self.decoder = Dense(section[at:end])
        at = end + (2 * self.features + 3 & ~3)
        self.multipliers = array("H", section[end : end + 2 * self.features])
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
