"""A TCS3200 from its datasheet (ams TCS3200 v1-00): pins in, pulses out on the clock of an `i2c_bus`. Runs on both Pythons."""


class Chip:
    def __init__(self, clock, pulse, light=(60000, 40000, 30000, 120000)):
        self.clock = clock
        # called at each rising edge of OUT
        self.pulse = pulse
        # Hz at 100 %, of light that its LEDs send back: red, green, blue, clear; and of ambient light
        self.light = list(light)
        self.ambient = [0, 0, 0, 0]
        self.frozen = False
        self.level = {"s0": 0, "s1": 1, "s2": 0, "s3": 0, "led": 0}
        # of a period, in millionths of a microsecond times hertz
        self.phase = 0
        clock.watchers.append(self.run)

    def pin(self, name):
        """A function that sets one: s0, s1, s2, s3, led."""

        def put(level):
            self.level[name] = level

        return put

    def hertz(self):
        at = self.level
        channel = {(0, 0): 0, (1, 1): 1, (0, 1): 2, (1, 0): 3}[at["s2"], at["s3"]]
        light = self.light[channel] * at["led"] + self.ambient[channel]
        scale = {(0, 0): 0, (0, 1): 2, (1, 0): 20, (1, 1): 100}[at["s0"], at["s1"]]
        # table 1: full scale is 600 kHz at the most
        return 0 if self.frozen else min(light, 600000) * scale // 100

    def run(self, end):
        hertz = self.hertz()
        while hertz:
            us = -((self.phase - 1000000) // hertz)
            if self.clock.us + us > end:
                self.phase += (end - self.clock.us) * hertz
                return
            self.phase += us * hertz - 1000000
            self.clock.us += us
            self.pulse(None)
