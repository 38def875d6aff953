# The weighted mean of several kinds. The layout of BLND is in the host's canbean.tiny.blend.
import struct

from .kinds import TAGS, load


class Blend:
    # `sections`: the content of BLND and of the kinds that it names, by tag
    def __init__(self, sections):
        section = sections["BLND"]
        if len(section) != 4 + 8 * section[0]:
            raise ValueError("section BLND does not hold what it says")
        self.kinds = []
        total = 0
        for at in range(4, len(section), 8):
            tag = str(section[at : at + 4], "ascii")
            (weight,) = struct.unpack_from("<H", section, at + 4)
            if tag not in sections:
                raise ValueError("section BLND names " + tag + ", which is not here")
            self.kinds.append((load({tag: sections[tag]}), weight))
            total += weight
        if total != 1024 or len([tag for tag in TAGS if tag in sections]) != section[0]:
            raise ValueError("section BLND does not hold what it says")
        self.features = self.kinds[0][0].features
        for kind, _ in self.kinds:
            if kind.features != self.features:
                raise ValueError("section BLND has kinds of other features")

    def predict(self, x):
        total = 512
        for kind, weight in self.kinds:
            score = kind.predict(x)
            if score > 0x80000:
                score = 0x80000
            elif score < -0x80000:
                score = -0x80000
            total += weight * score
        return total >> 10
