# ruff: noqa: PTH123, SIM115
# The bus of a soak, in the VM in the place of a driver: plays the file `round.bin` again and again as fast as it is taken, and
# sets the board's ticks to those of the frames.
from canbean import const

_EACH = const(8)
_RECORD = const(19)
_WRAP = const(0x3FFFFFFF)


class Bus:
    file = None

    # `state` is the board's, with the ticks; a round of the file lasts so many seconds.
    def __init__(self, state, round_s):
        self.state = state
        self.round_s = round_s

    def start(self, bitrate, listen_only, filters):
        self.file = open("round.bin", "rb")
        self.buffer = bytearray(_RECORD * _EACH)
        self.base = self.state.us

    def receive(self, ring, clock):
        state = self.state
        if state.asked < state.round:
            # the line comes first: so each status is that of whole rounds
            return 0
        state.polls = 0
        got = self.file.readinto(self.buffer) // _RECORD
        if not got:
            self.file.seek(0)
            self.base = self.base + self.round_s * 1000000 & _WRAP
            state.ms = state.ms + self.round_s * 1000 & _WRAP
            state.round += 1
            return 0
        b = self.buffer
        for at in range(0, _RECORD * got, _RECORD):
            now = self.base + (b[at] | b[at + 1] << 8) * 1000000
            state.us = now + (b[at + 4] | b[at + 5] << 8 | (b[at + 6] & 15) << 16) & _WRAP
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
                for k in range(7, _RECORD):
                    records[to + k] = b[at + k]
                ring.put()
        return got

    def status(self):
        return "ok", 0, 0

    def stop(self):
        if self.file:
            self.file.close()
