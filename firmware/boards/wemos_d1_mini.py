# Wemos D1 mini (ESP8266). Never run on hardware so far.
import gc
import os
import time

import machine
import network

NAME = "wemos-d1-mini"
# frames the host may leave unanswered: ten packets of 26 bytes fit the receive ring
WINDOW = 10
CHUNK = 128
# alerts kept until the host has them; a replay pauses while more than half of that is
KEPT = 5
# bits a second of the serial line, which writes wait for
BAUD = 115200
# frames that wait for the detectors
RING = 16
# MCP2515: MHz on its crystal, and the bus's bit/s. Its SCK, SI and SO are on GPIO14, 13 and 12, as the chip's SPI is; CS is
# not on GPIO15 (D8), which must be low at reset.
CRYSTAL = 8
BITRATE = 500000
SPI_HZ = 8000000
CS = 5
INT = 4
# A roast meter. I2C as the shields have it, D1 and D2, 64x48 being the 0.66 inch shield; LED of a TCS34725 or TCS3200; a TCS3200's OUT, S2
# and S3 (S0 to GND, S1 to 3.3 V: 2 %). The button is the shields', D3: held while the power comes on it starts the flash loader.
SCL = 5
SDA = 4
LIGHT = 12
PULSES = 13
S2 = 14
S3 = 16
BUTTON = 0
DISPLAY = "ssd1306", 64, 48

line = None

ticks_ms = time.ticks_ms
ticks_us = time.ticks_us

machine.freq(160000000)
# It is on and open unless somebody switched it off.
network.WLAN(network.AP_IF).active(False)


def heap_free():
    gc.collect()
    return gc.mem_free()


# Bites after some seconds without feed(); it cannot be stopped.
def watchdog():
    return machine.WDT()


# Whether it starts after an error or by its watchdog; not so after the power was off, and when the button or an opened port
# reset it.
def failed():
    return machine.reset_cause() not in (machine.PWRON_RESET, machine.HARD_RESET)


# After an error that nobody caught, or when an update asks for it.
def reset(_=None):
    # the last line leaves first
    time.sleep_ms(200)
    machine.reset()


# The bus's driver, not yet started.
def open_bus():
    from drivers.mcp2515 import Mcp2515

    pin = machine.Pin
    spi = machine.SPI(1, baudrate=SPI_HZ)
    return Mcp2515(spi, pin(CS, pin.OUT, value=1), pin(INT, pin.IN, pin.PULL_UP), CRYSTAL)


# -> wait(ms), readinto(buffer), write(bytes)
def open_serial():
    global line
    # the REPL leaves the line to us: it would echo, and stop at a byte 3
    os.dupterm(None, 1)  # type: ignore[attr-defined]  # the checker's os is CPython's
    line = machine.UART(0, baudrate=BAUD, timeout=0, rxbuf=272)

    def wait(ms):
        end = time.ticks_add(time.ticks_ms(), ms)
        while not line.any() and time.ticks_diff(end, time.ticks_ms()) > 0:
            time.sleep_ms(1)

    return wait, line.readinto, line.write


# Bits a second of the line from now on.
def set_rate(rate):
    # what was written leaves first: the 128 bytes of its FIFO
    time.sleep_ms(140)
    line.init(baudrate=rate)


# The bus of a roast meter's sensor and display.
def open_i2c():
    pin = machine.Pin
    return machine.SoftI2C(pin(SCL), pin(SDA), freq=400000)


# The sensor's driver, not yet started, or None.
def open_sensor():
    from drivers import probe

    return probe.sensor(open_i2c(), machine, time, LIGHT, PULSES, S2, S3)


# The display, cleared, or None.
def open_display():
    from drivers import probe

    return probe.display(open_i2c(), *DISPLAY)


def open_button():
    from drivers.button import Button

    pin = machine.Pin
    return Button(pin(BUTTON, pin.IN, pin.PULL_UP), ticks_ms)
