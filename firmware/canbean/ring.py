# Frames on their way from a bus's driver to the detectors: a ring of frame records, written and read in place.
#
# A record is what the feed and the golden vectors hold too, 19 bytes, little-endian: u32 seconds, u24 microseconds |
# DLC code << 20, u32 key | flags << 30, eight data bytes. Key is id | ext << 29; flags: 0 data, 1 FD, 2 remote, 3 error.

from . import const

RECORD = const(19)
DATA = const(11)


class Ring:
    def __init__(self, n):
        self.records = bytearray(RECORD * n)
        self.n = n
        self.reset()

    def reset(self):
        # offsets of the oldest record and of the one to be written next
        self.first = self.next = 0
        self.count = 0
        self.lost = 0

    # Offset of the record to write next; -1 where the ring is full: that frame is lost and counted.
    def slot(self):
        if self.count < self.n:
            return self.next
        self.lost = self.lost + 1 & 0x3FFFFFFF
        return -1

    # The record in `slot` is whole.
    def put(self):
        self.count += 1
        self.next = (self.next + RECORD) % len(self.records)

    # The oldest record has been used.
    def take(self):
        self.count -= 1
        self.first = (self.first + RECORD) % len(self.records)


# Writes all of a record but its data, which begin at `at` + DATA.
def head(records, at, clock, key, flags, code):
    s = clock.s
    us = clock.us
    records[at] = s & 255
    records[at + 1] = s >> 8 & 255
    records[at + 2] = s >> 16 & 255
    records[at + 3] = s >> 24
    records[at + 4] = us & 255
    records[at + 5] = us >> 8 & 255
    records[at + 6] = us >> 16 | code << 4
    records[at + 7] = key & 255
    records[at + 8] = key >> 8 & 255
    records[at + 9] = key >> 16 & 255
    records[at + 10] = key >> 24 | flags << 6
