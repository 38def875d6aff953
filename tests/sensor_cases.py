"""Sensors of a roast meter on models of their chips, and what their drivers make of them; for both Pythons.

`load` gives a module of the firmware by its name, such as `drivers.max3010x`.
"""

from array import array

import max3010x_chip
import tcs3200_chip
import tcs34725_chip
from i2c_bus import Bus, Clock

ON_VM = """
import json
import sys
def load(name):
    __import__(name)
    return sys.modules[name]
"""
NONE = -7  # what an output holds that nobody wrote


class Rig:
    """A sensor of a kind, its chip, the bus and the clock."""

    def __init__(self, load, kind, **settings):
        self.clock = Clock()
        self.bus = None
        if kind == "tcs3200":
            pulses = load("drivers.pulses").Pulses(self.clock.ticks_us)
            self.chip = chip = tcs3200_chip.Chip(self.clock, pulses.tick)
            pins = [chip.pin(name) for name in ("s2", "s3", "led")]
            make = load("drivers.tcs3200").Tcs3200
            self.sensor = make(pulses, *pins, self.clock.sleep_ms, chip.pin("s0"), chip.pin("s1"))
        else:
            chips = {"max3010x": max3010x_chip, "tcs34725": tcs34725_chip}
            self.chip = chips[kind].Chip(self.clock)
            self.bus = Bus(self.clock, self.chip)
            name = kind[0].upper() + kind[1:]
            more = (self.chip.led,) if kind == "tcs34725" else ()
            self.sensor = getattr(load("drivers." + kind), name)(self.bus, self.clock.sleep_ms, *more)
        for name, value in settings.items():
            assert hasattr(self.chip, name), name
            setattr(self.chip, name, value)
        if "id" in settings or "part" in settings:
            self.chip.power_on()

    def start(self):
        self.sensor.start()
        return self

    def whole(self, what):
        """`sample` or `dark`, until it is whole: its counts."""
        out = array("i", [NONE] * self.sensor.CHANNELS)
        try:
            while getattr(self.sensor, what)(out) is False:
                pass
        except OSError:
            # nothing, or all of it
            assert list(out) == [NONE] * len(out), list(out)
            raise
        assert NONE not in list(out)
        return list(out)

    def sample(self):
        return self.whole("sample")

    def dark(self):
        return self.whole("dark")


def use(rig):
    """All that a reading asks of a sensor once: -> dark, sample, temperature."""
    rig.sensor.start()
    return [rig.dark(), rig.sample(), rig.sensor.celsius()]


def disturbed(load, kind, faults=(), dead=None, late=False):
    """As `use` with the lines disturbed at some bytes, or dead from one on; the words of an OSError instead of counts."""
    rig = Rig(load, kind)
    if kind == "max3010x":
        rig.chip.noise = 0
    rig.bus.faults, rig.bus.dead, rig.bus.late = faults, dead, late
    try:
        return use(rig)
    except OSError as error:
        return str(error)


def sweep(load, kind, late=False):
    """Single faults, pairs of them and a cut at every byte: how often it worked, how often it was said, and by which words."""
    rig = Rig(load, kind)
    if kind == "max3010x":
        rig.chip.noise = 0
    good = use(rig)
    n = rig.bus.bytes
    worked, words = 0, {}
    for at in range(n):
        for faults, dead in (((at,), None), ((at, at + 1, at + 2), None), ((), at)):
            found = disturbed(load, kind, faults, dead, late)
            if isinstance(found, str):
                words[found] = words.get(found, 0) + 1
            else:
                assert found == good, (at, faults, dead, found)
                worked += 1
    return [n, worked, sorted(words.items())]


def scenes(load):
    """What drivers say of many scenes: [name, answer] each, the same on both Pythons."""
    found = []

    def note(name, what, *arguments):
        try:
            found.append([name, what(*arguments)])
        except OSError as error:
            found.append([name, str(error)])

    for kind in ("max3010x", "tcs34725", "tcs3200"):
        note(kind, use, Rig(load, kind))
        note(kind + " frozen", use, Rig(load, kind, frozen=True))
        if kind != "tcs3200":
            note(kind + " refuses once", use, Rig(load, kind, refuses=1))
            note(kind + " refuses", use, Rig(load, kind, refuses=9))
            note(kind + " sweep", sweep, load, kind)
        else:
            note("in the light", use, Rig(load, kind, ambient=[9000, 9000, 9000, 30000]))
    note("another part", use, Rig(load, "max3010x", part=0x11))
    note("another id", use, Rig(load, "tcs34725", id=0x10))
    note("no end of a reset", use, Rig(load, "max3010x", reset_us=10**8))
    note("swapped", use, Rig(load, "max3010x", swapped=True))
    note("saturated", use, Rig(load, "max3010x", red=1900, infrared=3000))
    note("too much ambient light", use, Rig(load, "max3010x", overflowing=True))
    for celsius16 in (-327, -1, 0, 15, 16, 423, 1360):
        note(f"at {celsius16}", use, Rig(load, "max3010x", celsius16=lambda us: celsius16))  # noqa: B023
    note("slow", use, Rig(load, "max3010x", speed=880))
    note("much too slow", use, Rig(load, "max3010x", speed=500))
    note("slow", use, Rig(load, "tcs34725", speed=937))
    note("saturated", use, Rig(load, "tcs34725", light=[2000, 30, 20, 3000]))
    note("lamp", use, Rig(load, "tcs34725", ambient=[30, 20, 10, 60], flicker=100))
    return found
