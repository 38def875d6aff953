# What hangs on a roast meter's pins. Asked at start, when this file leaves the heap again.
import sys

import drivers


# The sensor's driver, not yet started, or None. `machine` and `time` are the board's; pins by number: the LED's, and a
# TCS3200's OUT, S2 and S3.
def sensor(i2c, machine, time, light, out, s2, s3):
    del sys.modules["drivers.probe"], drivers.probe
    pin = machine.Pin
    lit = pin(light, pin.OUT, value=0)
    found = scan(i2c)
    if 0x57 in found:
        from drivers.max3010x import Max3010x

        return Max3010x(i2c, time.sleep_ms)
    if 0x29 in found:
        from drivers.tcs34725 import Tcs34725

        return Tcs34725(i2c, time.sleep_ms, lit)
    from drivers.pulses import Pulses
    from drivers.tcs3200 import Tcs3200

    pulses = Pulses(time.ticks_us)
    one = Tcs3200(pulses, pin(s2, pin.OUT, value=0), pin(s3, pin.OUT, value=0), lit, time.sleep_ms)
    wire = pin(out, pin.IN)
    try:
        wire.irq(pulses.tick, pin.IRQ_RISING, hard=True)
    except TypeError:
        # an ESP32 knows no hard interrupts
        wire.irq(pulses.tick, pin.IRQ_RISING)
    try:
        one.start()
    except OSError:
        # nothing there either
        wire.irq(None)
        return None
    return one


# The display, cleared, or None. `kind`: "ssd1306" or "sh1106", which answer at the same addresses.
def display(i2c, kind, width, height):
    del sys.modules["drivers.probe"], drivers.probe
    found = scan(i2c)
    if 0x3C in found or 0x3D in found:
        import framebuf

        if kind == "sh1106":
            from drivers.sh1106 import Sh1106

            oled = Sh1106
        else:
            from drivers.ssd1306 import Ssd1306

            oled = Ssd1306
        pixels = bytearray(width * height >> 3)
        one = oled(pixels, width, height, framebuf.MONO_VLSB)
        one.switch_on(i2c, pixels, width, height, 0x3C if 0x3C in found else 0x3D)
        return one
    return None


# Twice: a chip may refuse its first access.
def scan(i2c):
    return i2c.scan() + i2c.scan()
