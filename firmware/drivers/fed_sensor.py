# A sensor that measures what it is told (commands/sense.py): for the virtual board and for tests.

# as the sensors with so many channels do
GIVES = {2: "red infrared temperature", 4: "red green blue clear"}


class FedSensor:
    NAME = "fed sensor"
    FULL = 0x3FFFF
    CANCELS = True
    swapped = False
    led = 0
    LEDS = 0, 255

    def __init__(self, channels):
        self.CHANNELS = channels
        self.GIVES = GIVES.get(channels, "")
        self.measured = [0] * channels
        self.at = None

    # Counts of each channel, and 1/16 degrees or None.
    def feed(self, counts, celsius16):
        for n in counts:
            if not 0 <= n <= self.FULL:
                raise ValueError("a sensor counts from 0 to %d" % self.FULL)
        if celsius16 is not None and not -800 <= celsius16 <= 2400:
            raise ValueError("1/16 degrees are from -800 to 2400")
        self.measured = counts
        self.at = celsius16

    def start(self):
        pass

    def stop(self):
        pass

    def sample(self, out):
        for i in range(self.CHANNELS):
            out[i] = self.measured[i]

    def dark(self, out):
        for i in range(self.CHANNELS):
            out[i] = 0

    def celsius(self):
        return self.at
