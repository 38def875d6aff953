"""Stand-ins of a board's modules with a roast meter's chips on its pins; beside those of `board_stand_ins`, for both Pythons.

`meter.hang(...)` says what is there; `meter.log` keeps what the board's file did with which pin.
"""

import board_stand_ins
import max3010x_chip
import oled_chip
import tcs3200_chip
import tcs34725_chip
from i2c_bus import Bus, Clock


class Pin:
    OUT, IN, PULL_UP, IRQ_RISING = "out", "in", "pull-up", "rising"

    def __init__(self, number, mode=None, pull=None, value=None):
        self.number, self.mode, self.value = number, mode, value
        meter.log[number] = mode and mode + (" " + pull if pull else "")
        if mode == self.OUT:
            assert value == 0

    def __call__(self, *level):
        if self.mode == self.OUT:
            meter.levels[self.number] = level[0]
            meter.put(self.number, level[0])
            return None
        return meter.levels.get(self.number, 1)

    def irq(self, handler, trigger=None, **hard):
        if hard and not meter.hard:
            raise TypeError("extra keyword arguments given")
        meter.handler = handler


class Machine(board_stand_ins.Machine):
    def __init__(self):
        super().__init__()
        self.Pin = Pin

    def SoftI2C(self, scl, sda, freq):
        return self.I2C(None, scl, sda, freq)

    def I2C(self, number, scl, sda, freq):
        meter.log["i2c"] = (number, scl.number, sda.number, freq)
        return meter.bus


class Time(board_stand_ins.Time):
    def ticks_ms(self):
        return meter.clock.ticks_ms()

    def ticks_us(self):
        return meter.clock.ticks_us()

    def sleep_ms(self, ms):
        meter.clock.sleep_ms(ms)


class Meter:
    # whether this board has hard interrupts
    hard = True

    def hang(self, sensor, display=None, pins=()):
        """A sensor of a kind or None, a display's (width, height, kind, address); a TCS3200's LED, S2 and S3 by number."""
        self.log, self.levels, self.handler = {}, {}, None
        self.clock = Clock()
        self.names = {pins[i]: ("led", "s2", "s3")[i] for i in range(len(pins))}
        chips = []
        self.sensor = self.display = None
        if sensor == "tcs3200":
            self.sensor = tcs3200_chip.Chip(self.clock, self.pulse)
        elif sensor:
            made = {"max3010x": max3010x_chip, "tcs34725": tcs34725_chip}[sensor].Chip(self.clock)
            self.sensor = made
            chips.append(made)
        if display:
            self.display = oled_chip.Chip(*display)
            chips.append(self.display)
        self.bus = Bus(self.clock, *chips)

    def pulse(self, _):
        if self.handler:
            self.handler(None)

    def put(self, number, level):
        name = self.names.get(number)
        if name == "led" and hasattr(self.sensor, "led"):
            self.sensor.led(level)
        elif name and hasattr(self.sensor, "pin"):
            self.sensor.pin(name)(level)


meter = Meter()


def modules(real):
    """The stand-ins by name."""
    made = board_stand_ins.modules(real)
    made["machine"], made["time"] = Machine(), Time()
    return made
