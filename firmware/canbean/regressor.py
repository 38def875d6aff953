# Readings of a sensor's channels to a score in 1/256 point; allocates nothing once it stands.
from array import array

from .features import Features


class Regressor:
    # `sections`: the content of FEAT and of one of POLY, KNNS, DENS by tag
    def __init__(self, sections):
        if "FEAT" not in sections:
            raise ValueError("the model has no section FEAT")
        self.front = Features(sections["FEAT"])
        # only the kind in use takes heap
        if "POLY" in sections:
            from .polynomial import Polynomial

            self.kind = Polynomial(sections["POLY"])
        elif "KNNS" in sections:
            from .neighbours import Neighbours

            self.kind = Neighbours(sections["KNNS"])
        elif "DENS" in sections:
            from .dense import Dense

            self.kind = Dense(sections["DENS"])
        else:
            raise ValueError("no regressor in this model")
        self.channels = self.front.channels
        if self.kind.features != self.channels:
            raise ValueError("channels and features differ")
        self.decimals = self.front.decimals
        self.features = array("h", bytes(2 * self.channels))

    # `readings`: an integer a channel, round(value * 10**decimals)
    def predict(self, readings):
        self.front.apply(readings, self.features)
        score = self.kind.predict(self.features)
        if score < self.front.low:
            return self.front.low
        if score > self.front.high:
            return self.front.high
        return score
