# ruff: noqa: PTH123, SIM115
# The board of a soak (tests/soak_load.py), in the VM as boards/soak.py: its bus plays the file `round.bin` again and again as
# fast as it is taken, and its ticks are those of the frames, wrapping at 2**30 as an ESP8266's. Every round it is asked for
# its status; after `rounds` or `seconds` its serial line ends.
import gc
import sys
import time

NAME = "soak"
WINDOW = 10
CHUNK = 128
KEPT = 5
RING = 32
BITRATE = 500000
EACH = 8
RECORD = 19
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


class Bus:
    file = None

    def start(self, bitrate, listen_only, filters):
        self.file = open("round.bin", "rb")
        self.buffer = bytearray(RECORD * EACH)
        self.base = State.us

    def receive(self, ring, clock):
        if State.asked < State.round:
            # the line comes first: so each status is that of whole rounds
            return 0
        State.polls = 0
        got = self.file.readinto(self.buffer) // RECORD
        if not got:
            self.file.seek(0)
            self.base = self.base + round_s * 1000000 & WRAP
            State.ms = State.ms + round_s * 1000 & WRAP
            State.round += 1
            return 0
        b = self.buffer
        for at in range(0, RECORD * got, RECORD):
            now = self.base + (b[at] | b[at + 1] << 8) * 1000000
            State.us = now + (b[at + 4] | b[at + 5] << 8 | (b[at + 6] & 15) << 16) & WRAP
            clock.read()
            to = ring.slot()
            if to >= 0:
                records = ring.records
                s = clock.s
                us = clock.us
                records[to] = s & 255
                records[to + 1] = s >> 8 & 255
                records[to + 2] = s >> 16 & 255
                records[to + 3] = s >> 24
                records[to + 4] = us & 255
                records[to + 5] = us >> 8 & 255
                records[to + 6] = us >> 16 | b[at + 6] & 0xF0
                for k in range(7, RECORD):
                    records[to + k] = b[at + k]
                ring.put()
        return got

    def status(self):
        return "ok", 0, 0

    def stop(self):
        if self.file:
            self.file.close()


def watchdog():
    return None


def reset(error=None):
    raise error or SystemExit


def open_bus():
    return Bus()


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
