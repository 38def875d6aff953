# Raspberry Pi Pico (RP2040). Never run on hardware so far.
import gc
import time

import machine

NAME = "pico"
# frames the host may leave unanswered: eighteen packets of 26 bytes fit the 511 bytes that wait in standard input
WINDOW = 18
CHUNK = 128
# alerts kept until the host has them; a replay pauses while more than half of that is
KEPT = 16
# frames that wait for the detectors
RING = 64
# MCP2515: MHz on its crystal, and the bus's bit/s. Pins of SPI 0 side by side, GP16 to GP20.
CRYSTAL = 8
BITRATE = 500000
SPI_HZ = 8000000
SCK = 18
SI = 19
SO = 16
CS = 17
INT = 20
# A roast meter: I2C, LED of a TCS34725 or TCS3200; a TCS3200's OUT, S2 and S3 (S0 to GND, S1 to 3.3 V: 2 %); a button to GND.
SCL = 5
SDA = 4
LIGHT = 6
PULSES = 7
S2 = 8
S3 = 9
BUTTON = 10
DISPLAY = "ssd1306", 128, 64

ticks_ms = time.ticks_ms
ticks_us = time.ticks_us


def heap_free():
    gc.collect()
    return gc.mem_free()


# Bites after so many milliseconds without feed(); it cannot be stopped.
def watchdog():
    return machine.WDT(timeout=8000)


# Whether it starts after an error or by its watchdog; not so after the power was off.
def failed():
    return machine.reset_cause() != machine.PWRON_RESET


# After an error that nobody caught, or when an update asks for it.
def reset(_=None):
    # the last line leaves first
    time.sleep_ms(200)
    machine.reset()


# -> wait(ms), readinto(buffer), write(bytes). Standard input and output: USB.
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
    spi = machine.SPI(0, baudrate=SPI_HZ, sck=pin(SCK), mosi=pin(SI), miso=pin(SO))
    return Mcp2515(spi, pin(CS, pin.OUT, value=1), pin(INT, pin.IN, pin.PULL_UP), CRYSTAL)


# USB has no bits a second: any will do.
def set_rate(rate):
    pass


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
