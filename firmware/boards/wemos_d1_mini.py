# Wemos D1 mini (ESP8266). Never run on hardware so far.
import gc
import os
import time

import machine

NAME = "wemos-d1-mini"
# frames the host may leave unanswered: ten packets of 26 bytes fit the receive ring
WINDOW = 10
CHUNK = 128
COMMANDS = {}
# hardware SPI and its chip select: not GPIO15 (D8), which must be low at reset
SPI = 1
CS = 5

ticks_ms = time.ticks_ms


def heap_free():
    gc.collect()
    return gc.mem_free()


# The bus's driver, not yet started.
def open_bus():
    return None


# -> wait(ms), readinto(buffer), write(bytes)
def open_serial():
    # the REPL leaves the line to us: it would echo, and stop at a byte 3
    os.dupterm(None, 1)  # type: ignore[attr-defined]  # the checker's os is CPython's
    line = machine.UART(0, baudrate=115200, timeout=0, rxbuf=272)

    def wait(ms):
        end = time.ticks_add(time.ticks_ms(), ms)
        while not line.any() and time.ticks_diff(end, time.ticks_ms()) > 0:
            time.sleep_ms(1)

    return wait, line.readinto, line.write
