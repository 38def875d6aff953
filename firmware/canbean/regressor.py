# Readings of a sensor's channels to a score in 1/256 point; allocates nothing once it stands.
import struct
from array import array

from .features import Features
from .kinds import load


class Regressor:
    # `sections`: the content of FEAT and of one kind by tag, or of BLND and of the kinds it blends
    def __init__(self, sections):
        if "FEAT" not in sections:
            raise ValueError("the model has no section FEAT")
        self.front = Features(sections["FEAT"])
        if self.front.size + 8 != len(sections["FEAT"]):
            raise ValueError("section FEAT does not hold what it says")
        self.low, self.high = struct.unpack_from("<ii", sections["FEAT"], self.front.size)
        if "BLND" in sections:
            from .blend import Blend

            self.kind = Blend(sections)
        else:
            self.kind = load(sections)
        # how scores are shown, by who reads it
        self.scale = None
        self.channels = self.front.channels
        if self.kind.features != self.channels:
            raise ValueError("channels and features differ")
        self.decimals = self.front.decimals
        # most kinds read their features from a buffer of their own
        self.features = getattr(self.kind, "given", None) or array("h", bytes(2 * self.channels))
        self.width = getattr(self.kind, "width", 2)
        # whoever writes the readings here, within +-2**28, spares a copy
        self.given = self.front.given

    # `readings`: an integer a channel, round(value * 10**decimals)
    def predict(self, readings):
        self.front.apply(readings, self.features, self.width)
        score = self.kind.predict(self.features)
        if score < self.low:
            return self.low
        if score > self.high:
            return self.high
        return score
