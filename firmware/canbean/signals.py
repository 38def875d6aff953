# Signals of several ids at a fixed rate. The layout and the rules are in the host's canbean.detect.signals.
import struct
from array import array

from . import const
from .bus import find

try:
    from .signals_viper import follow
except Exception:
    # as in dense.py: no native code here
    from .signals_plain import follow

# `state`: when the last sample was due (-1: never), us between two, how many ids and signals, whether this sample counts;
# then of each id when it came last (-1: never) in seconds and in us, and after how long it is stale; then the values
_ANCHOR_S = const(0)
_ANCHOR_US = const(1)
_PERIOD = const(2)
_IDS = const(3)
_COUNT = const(4)
_COUNTS = const(5)
_SEEN = const(6)
# `tables`: of each id of the fingerprint its place here and 1, or 0; lengths of the ids here, their last data, and of
# each signal its lowest byte, where it lies (its bit, 8 where the next byte is the one before, 16 with a sign), its bits and
# its id


# A section read piece by piece: what nobody keeps takes no memory.
class Pieces:
    def __init__(self, model, tag):
        self.model = model
        self.tag = tag
        self.at = 0

    def take(self, size):
        self.at += size
        return self.model.part(self.tag, self.at - size, size)

    # What stays in flash, where it is there.
    def place(self, size):
        self.at += size
        return self.model.place(self.tag, self.at - size, size)

    def end(self):
        if self.at != self.model.size(self.tag):
            raise ValueError("section " + self.tag + " does not hold what it says")


class Signals:
    def __init__(self, pieces, fingerprint, kernel=follow):
        period, ids, count = struct.unpack("<HBB", pieces.take(4))
        if not period or not ids or not 0 < count < 64:
            raise ValueError("a section has no signals")
        n = fingerprint.n
        self.kernel = kernel
        self.ids = ids
        self.count = count
        state = self.state = array("i", bytes(4 * (_SEEN + 3 * ids + count)))
        tables = self.tables = bytearray(n + 9 * ids + 4 * count)
        state[_PERIOD] = period * 1000
        state[_IDS] = ids
        state[_COUNT] = count
        self.values = memoryview(state)[_SEEN + 3 * ids :]
        self.slots = array("H", bytes(2 * ids))
        # the first signal of each id, and the end
        self.begin = bytearray(ids + 1)
        self.begin[ids] = count
        for i in range(ids):
            key, stale, length, self.begin[i] = struct.unpack("<IHBB", pieces.take(8))
            slot = find(fingerprint.now, key)
            if slot == n or length > 8 or self.begin[i] > count:
                raise ValueError("a signal of an id that the fingerprint does not have")
            self.slots[i] = slot
            tables[slot] = i + 1
            tables[n + i] = length
            state[_SEEN + 2 * ids + i] = stale * 1000
        rows = self.rows = n + 9 * ids
        tables[rows:] = pieces.take(4 * count)
        i = 0
        for j in range(count):
            byte, where, bits = tables[rows + 4 * j : rows + 4 * j + 3]
            last = byte + (-1 if where & 8 else 1) * ((where & 7) + bits - 1 >> 3)
            if byte > 7 or not 0 <= last < 8 or not 0 < bits < 17:
                raise ValueError("a signal lies outside of its payload")
            while j >= self.begin[i + 1]:
                i += 1
            tables[rows + 4 * j + 3] = i
        self.forget()

    # The bus woke up: nothing was seen.
    def forget(self):
        state = self.state
        state[_ANCHOR_S] = -1
        state[_ANCHOR_US] = 0
        for at in range(_SEEN, _SEEN + self.ids):
            state[at] = -1

    # Whether the sample that is due counts; then `values` are it.
    def counts(self):
        return self.state[_COUNTS]

    # The lowest bit of a signal in its payload.
    def bit(self, j):
        at = self.rows + 4 * j
        return 8 * self.tables[at] + (self.tables[at + 1] & 7)
