"""A roast meter's parts through the board files, and readings and displays without them; for both Pythons.

`load` gives a module of the firmware by its name.
"""

from array import array

from i2c_bus import Bus, Clock
from meter_stand_ins import meter
from oled_chip import Chip as Oled
from sensor_cases import Rig

DISPLAYS = ((64, 48, "ssd1306"), (128, 64, "ssd1306"), (128, 64, "sh1106"))


def opened(board, sensor, display=None):
    """What a board's file finds: [name of the sensor or None, a sample, the display's size]."""
    meter.hang(sensor, display, (board.LIGHT, board.S2, board.S3))
    one = board.open_sensor()
    screen = board.open_display()
    button = board.open_button()
    assert not button.pressed()
    counts = None
    if one:
        one.start()
        counts = array("i", [0] * one.CHANNELS)
        while one.sample(counts) is False:
            pass
    return [one and one.NAME, counts and list(counts), screen and [screen.width, screen.height]]


def read(load, reading, clock):
    """Steps until a reading is there: [steps, the longest of them in ms, all of them in ms]."""
    steps, longest, began = 0, 0, clock.us
    while True:
        at = clock.us
        done = reading.step()
        steps += 1
        longest = max(longest, clock.us - at)
        if done:
            return [steps, longest // 1000, (clock.us - began) // 1000]


def readings(load):
    """Readings of every sensor as it comes, [name, steps and times, counts, spread, dark, quality, channels, 1/16 degrees]."""
    module = load("canbean.begin")
    found = []
    for name, kind, settings in (
        ("cup", "max3010x", {}),
        ("saturated", "max3010x", {"infrared": 3000}),
        ("sun", "max3010x", {"overflowing": True}),
        ("leak", "max3010x", {"ambient": 20000}),
        ("restless", "max3010x", {"noise": 30000}),
        ("cup", "tcs34725", {}),
        ("leak", "tcs34725", {"ambient": [10, 10, 10, 30]}),
        ("cup", "tcs3200", {}),
    ):
        rig = Rig(load, kind, **settings)
        reading = module.reading(rig.sensor)
        times = read(load, reading, rig.clock)
        values = (reading.counts, reading.spread, reading.dark, reading.channels)
        found.append([name, kind, times, reading.quality, [list(one) for one in values], reading.celsius16])
    return found


def shown(load, framebuf):
    """What each display shows of a drawing: rows of pixels as one number each."""
    found = []
    for width, height, kind in DISPLAYS:
        chip = Oled(width, height, kind)
        bus = Bus(Clock(), chip)
        pixels = bytearray(width * height // 8)
        name = "Sh1106" if kind == "sh1106" else "Ssd1306"
        display = getattr(load("drivers." + kind), name)(pixels, width, height, framebuf.MONO_VLSB)
        display.switch_on(bus, pixels, width, height)
        assert chip.seen() == [[0] * width] * height
        draw(display)
        before = bus.bytes
        display.show()
        rows = ["".join([str(bit) for bit in row]) for row in chip.seen()]
        found.append([kind, bus.transactions, bus.bytes - before, rows])
    return found


def draw(display):
    """Something with no symmetry."""
    display.fill_rect(3, 5, 20, 11, 1)
    display.hline(0, display.height - 1, 7, 1)
    display.vline(display.width - 1, 2, 30, 1)
    display.pixel(display.width - 2, display.height - 3, 1)
