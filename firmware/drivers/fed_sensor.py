# A sensor whose readings are given over the serial line: for the virtual board and for tests.


class FedSensor:
    def __init__(self, channels):
        self.values = [0] * channels
        self.quality = "empty"

    # Takes the channels' readings as words of decimal digits.
    def feed(self, words):
        self.quality = "bad sample"
        if len(words) != len(self.values):
            raise ValueError("a sample has %d channels, this one %d" % (len(self.values), len(words)))
        values = [int(word) for word in words]
        for v in values:
            if not -0x40000000 <= v <= 0x3FFFFFFF:
                raise ValueError("a reading must fit 31 bits")
        self.values = values
        self.quality = "ok"
