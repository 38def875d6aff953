# Pulses on a pin, counted by an interrupt: how many since `n` was set to 0, and when the first and the last came.


class Pulses:
    def __init__(self, ticks_us):
        self.now = ticks_us
        self.n = self.first = self.last = 0

    # The pin's interrupt; takes no memory.
    def tick(self, _):
        self.last = self.now()
        if not self.n:
            self.first = self.last
        self.n += 1
