# ESP32 devkit (ESP32-WROOM-32, 30 or 38 pins). Never run on hardware so far.
import gc
import time

import machine

NAME = "esp32-devkit"
# frames the host may leave unanswered: nine packets of 26 bytes fit the 259 bytes that wait in standard input
WINDOW = 9
CHUNK = 128
# alerts kept until the host has them; a replay pauses while more than half of that is
KEPT = 16
# bits a second of the serial line, which writes wait for
BAUD = 115200
# frames that wait for the detectors
RING = 64
# MCP2515: MHz on its crystal, and the bus's bit/s. Pins: none that the chip reads at reset (0, 2, 5, 12, 15), none of the
# flash (6 to 11) or of PSRAM (16, 17).
CRYSTAL = 8
BITRATE = 500000
SPI_HZ = 8000000
SCK = 18
SI = 23
SO = 19
CS = 22
INT = 21
# A roast meter: I2C, LED of a TCS34725 or TCS3200; a TCS3200's OUT, S2 and S3 (S0 to GND, S1 to 3.3 V: 2 %); a button to GND.
SCL = 22
SDA = 21
LIGHT = 25
PULSES = 26
S2 = 27
S3 = 32
BUTTON = 33
DISPLAY = "ssd1306", 128, 64

ticks_ms = time.ticks_ms
ticks_us = time.ticks_us

machine.freq(240000000)


def heap_free():
    gc.collect()
    return gc.mem_free()


# Bites after so many milliseconds without feed(); it cannot be stopped.
def watchdog():
    return machine.WDT(timeout=8000)


# Whether it starts after an error or by its watchdog; not so after the power was off.
def failed():
    return machine.reset_cause() not in (machine.PWRON_RESET, machine.HARD_RESET)


# After an error that nobody caught, or when an update asks for it.
def reset(_=None):
    # the last line leaves first
    time.sleep_ms(200)
    machine.reset()


# -> wait(ms), readinto(buffer), write(bytes). Standard input and output: the REPL's UART cannot be opened.
def open_serial():
    from drivers.stdio import standard

    return standard()


# The bus's driver, not yet started.
def open_bus():
    try:
        from drivers.mcp2515_viper import Mcp2515
    except Exception:
        # compiled for another processor
        from drivers.mcp2515 import Mcp2515

    pin = machine.Pin
    spi = machine.SPI(2, baudrate=SPI_HZ, sck=pin(SCK), mosi=pin(SI), miso=pin(SO))
    return Mcp2515(spi, pin(CS, pin.OUT, value=1), pin(INT, pin.IN, pin.PULL_UP), CRYSTAL)


def set_rate(_):
    raise ValueError("the bit rate of this board's line cannot be set: it is the REPL's")


# The bus of a roast meter's sensor and display.
def open_i2c():
    pin = machine.Pin
    return machine.I2C(0, scl=pin(SCL), sda=pin(SDA), freq=400000)


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
