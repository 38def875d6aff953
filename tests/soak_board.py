# ruff: noqa: PTH123
# The board of a soak (tests/soak_load.py), in the VM in the place of boards/linux.py: its ticks are those of its bus
# (soak_bus.py), wrapping at 2**30 as an ESP8266's. Every round it is asked for its status; after `rounds` or `seconds` its serial
# line ends.
import gc
import sys
import time

NAME = "soak"
WINDOW = 10
CHUNK = 128
KEPT = 5
RING = 16
BITRATE = 500000
WRAP = 0x3FFFFFFF

with open("plan.txt") as file:
    rounds, seconds, round_s = [int(word) for word in file.read().split()]


class State:
    # both wrap half a minute after the start
    us = WRAP - 30000000
    ms = WRAP - 30000
    round = 0
    asked = 0
    polls = 0


def ticks_us():
    return State.us


def ticks_ms():
    return State.ms


def heap_free():
    gc.collect()
    return gc.mem_free()


def watchdog():
    return None


def reset(error=None):
    raise error or SystemExit


def open_bus():
    from drivers.soak import Bus

    return Bus(State, round_s)


def open_serial():
    begin = time.time()

    def readinto(buffer):
        if State.asked == State.round:
            if State.asked >= rounds > 0:
                raise EOFError
            State.polls += 1
            if State.polls > 1000:
                # a gateway that refused its model has no bus
                raise EOFError
            return 0
        State.asked = State.round
        if time.time() - begin > seconds > 0:
            raise EOFError
        buffer[:7] = b"status\n"
        return 7

    return lambda ms: None, readinto, sys.stdout.buffer.write
