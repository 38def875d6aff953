# Signals of several ids at a fixed rate. The layout and the rules are in the host's canbean.detect.signals.
import struct
from array import array

from .bus import elapsed


# A section read piece by piece: what nobody keeps takes no memory.
class Pieces:
    def __init__(self, model, tag):
        self.model = model
        self.tag = tag
        self.at = 0

    def take(self, size):
        self.at += size
        return self.model.part(self.tag, self.at - size, size)

    def end(self):
        if self.at != self.model.size(self.tag):
            raise ValueError("section " + self.tag + " does not hold what it says")


class Signals:
    def __init__(self, pieces, fingerprint):
        period, ids, self.count = struct.unpack("<HBB", pieces.take(4))
        if not period or not ids or not 0 < self.count < 64:
            raise ValueError("a section has no signals")
        self.period_us = period * 1000
        self.ids = ids
        # by place of an id in the fingerprint: its place here and 1, or 0
        self.place = bytearray(fingerprint.n)
        self.slots = array("H", bytes(2 * ids))
        self.stale_us = array("i", bytes(4 * ids))
        self.length = bytearray(ids)
        # the first signal of each id, and the end
        self.begin = bytearray(ids + 1)
        self.begin[ids] = self.count
        for i in range(ids):
            key, stale, self.length[i], self.begin[i] = struct.unpack("<IHBB", pieces.take(8))
            slot = fingerprint.find(key)
            if slot == fingerprint.n or self.length[i] > 8 or self.begin[i] > self.count:
                raise ValueError("a signal of an id that the fingerprint does not have")
            self.slots[i] = slot
            self.place[slot] = i + 1
            self.stale_us[i] = stale * 1000
        # of the signals: lowest byte, its bit, step to the next byte and bytes, mask, half of the range of a signed one
        self.rows = []
        for _ in range(self.count):
            byte, where, bits, _ = struct.unpack("<BBBB", pieces.take(4))
            step = -1 if where & 8 else 1
            span = (where & 7) + bits + 7 >> 3
            last = byte + step * (span - 1)
            if byte > 7 or not 0 <= last < 8 or not 0 < bits < 17:
                raise ValueError("a signal lies outside of its payload")
            half = 1 << bits - 1 if where & 16 else 0
            self.rows.append((byte, where & 7, step, span, (1 << bits) - 1, half))
        self.data = bytearray(8 * ids)
        self.seen_s = array("i", bytes(4 * ids))
        self.seen_us = array("i", bytes(4 * ids))
        self.values = array("i", bytes(4 * self.count))
        self.forget()

    # The bus woke up: nothing was seen.
    def forget(self):
        self.anchor_s = -1
        self.anchor_us = 0
        for i in range(self.ids):
            self.seen_s[i] = -1

    # Takes in a frame. 0 where no sample is due, -1 where it does not count, 1 where `values` are a sample.
    def frame(self, s, us, slot, code, data):
        i = self.place[slot] - 1 if 0 <= slot < len(self.place) else -1
        if i >= 0 and code >= self.length[i]:
            self.seen_s[i] = s
            self.seen_us[i] = us
            at = 8 * i
            for k in range(self.length[i]):
                self.data[at + k] = data[k]
        since = elapsed(s, us, self.anchor_s, self.anchor_us) if self.anchor_s >= 0 else -1
        if since < 0:
            self.anchor_s = s
            self.anchor_us = us
            return 0
        period = self.period_us
        if since < period:
            return 0
        if since < 2 * period:
            # the rate is kept, whatever the frame's lateness
            us0 = self.anchor_us + period
            self.anchor_s += us0 // 1000000
            self.anchor_us = us0 % 1000000
        else:
            self.anchor_s = s
            self.anchor_us = us
        return 1 if self.take(s, us) else -1

    def take(self, s, us):
        for i in range(self.ids):
            if self.seen_s[i] < 0 or elapsed(s, us, self.seen_s[i], self.seen_us[i]) > self.stale_us[i]:
                return False
        data = self.data
        for i in range(self.ids):
            for j in range(self.begin[i], self.begin[i + 1]):
                byte, bit, step, span, mask, half = self.rows[j]
                at = 8 * i + byte
                raw = 0
                for k in range(span):
                    raw |= data[at] << 8 * k
                    at += step
                raw = raw >> bit & mask
                self.values[j] = (raw ^ half) - half if half else raw
        return True
