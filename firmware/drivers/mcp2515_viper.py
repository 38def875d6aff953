# The driver of mcp2515.py for boards with room for native code, which writes a frame's record: byte for byte the same.
from array import array

import micropython
from drivers import mcp2515


@micropython.viper
def record(records: ptr8, at: int, b: ptr8, now: ptr32):
    records = ptr8(int(records) + at)
    k = now[0]
    records[0] = k & 255
    records[1] = k >> 8 & 255
    records[2] = k >> 16 & 255
    records[3] = k >> 24 & 255
    k = now[1]
    records[4] = k & 255
    records[5] = k >> 8 & 255
    high = b[1]
    low = b[2]
    code = b[5]
    size = code & 15
    records[6] = k >> 16 & 15 | size << 4
    flags = low >> 4 & 1
    if low & 8:
        flags = code >> 6 & 1
        records[7] = b[4]
        records[8] = b[3]
        records[9] = low & 3 | low >> 3 & 0x1C | (high & 7) << 5
        high = high >> 3 | 0x20
    else:
        records[7] = (high << 3 | low >> 5) & 255
        records[8] = high >> 5
        records[9] = 0
        high = 0
    records[10] = high | flags << 7
    if flags:
        size = 0
    k = 0
    while k < 8:
        records[k + 11] = b[k + 6] & (k - size >> 8)
        k += 1


class Mcp2515(mcp2515.Mcp2515):
    # seconds and microseconds
    now = array("i", bytes(8))

    def take(self, ring, clock):
        b = self.one
        if b[5] > 127:
            return self.unwire()
        clock.read()
        now = self.now
        now[0] = clock.s
        now[1] = clock.us
        record(ring.records, ring.slot(), b, now)
        ring.put()
