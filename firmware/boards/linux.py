# A Linux machine: a gateway with MicroPython or CPython, and the virtual board. The serial line is stdin and
# stdout; whoever starts this makes stdin non-blocking.
import gc
import os
import select
import sys
import time

NAME = "linux"
# frames the host may leave unanswered
WINDOW = 120
# bytes read at once
CHUNK = 256
# frames that wait for the detectors; the interface's own bit rate holds
RING = 256
BITRATE = 500000
# alerts kept until the host has them; a replay pauses while more than half of that is
KEPT = 16


ticks_ms = getattr(time, "ticks_ms", None) or (lambda: time.monotonic_ns() // 1000000 & 0x3FFFFFFF)
ticks_us = getattr(time, "ticks_us", None) or (lambda: time.monotonic_ns() // 1000 & 0x3FFFFFFF)


def heap_free():
    gc.collect()
    # CPython has no such limit
    return gc.mem_free() if hasattr(gc, "mem_free") else None


# Whoever starts this watches it.
def watchdog():
    return None


# After an error that nobody caught, or when an update asks for it: who started this starts it again after exit code 75
# (sysexits.h: try again).
def reset(error=None):
    if error:
        raise error
    sys.exit(75)


# The bus's driver, not yet started: SocketCAN on the interface that CANBEAN_CAN names; without it frames come over the
# serial line only.
def open_bus():
    name = os.getenv("CANBEAN_CAN")
    if not name:
        return None
    from drivers.socketcan import SocketCan

    return SocketCan(name)


# A roast meter's sensor: one that measures what CANBEAN_CUP says, counts of each channel and 1/16 degrees or `-`, until `sense`
# says something else; without it none.
def open_sensor():
    cup = os.getenv("CANBEAN_CUP")
    if not cup:
        return None
    from drivers.fed_sensor import FedSensor

    *counts, at = cup.split()
    sensor = FedSensor(len(counts))
    sensor.feed([int(n) for n in counts], None if at == "-" else int(at))
    return sensor


# Its display and button: none.
def open_display():
    return None


def open_button():
    return None


# A pty takes any number of bits a second.
def set_rate(rate):
    pass


# -> wait(ms), readinto(buffer), write(bytes); each raises EOFError when the other end is gone.
def open_serial():
    # CPython's buffer waits until it is full, the file below it does not
    source = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    target = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
    incoming = select.poll()
    incoming.register(sys.stdin, select.POLLIN)
    outgoing = select.poll()
    outgoing.register(sys.stdout, select.POLLOUT)

    def wait(ms):
        for _, event in incoming.poll(ms):
            if not event & select.POLLIN:
                raise EOFError

    def readinto(buffer):
        try:
            return source.readinto(buffer)
        except OSError:
            raise EOFError

    def write(data):
        try:
            done = target.write(data) or 0
            while done < len(data):
                # full: the other end does not read as fast as we write
                outgoing.poll(1000)
                data = data[done:]
                done = target.write(data) or 0
        except OSError:
            raise EOFError

    return wait, readinto, write
