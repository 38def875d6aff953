# Signals of several ids at a fixed rate. The layout and the rules are in the host's canbean.detect.signals.
import struct
from array import array

from . import const
from .bus import elapsed

try:
    from .signals_viper import follow as native
except Exception:
    # as in dense.py: no native code here
    native = None

# As in fingerprint.py.
_N = const(1)
_S = const(16)
_US = const(17)
_CODE = const(19)
_SLOT = const(20)
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


# Takes in a frame: whether a sample is due.
def follow(now, octets, state, tables):
    s = now[_S]
    us = now[_US]
    n = now[_N]
    ids = state[_IDS]
    i = tables[now[_SLOT]] if now[_SLOT] < n else 0
    if i:
        i -= 1
        length = tables[n + i]
        if now[_CODE] >= length:
            state[_SEEN + i] = s
            state[_SEEN + ids + i] = us
            at = n + ids + 8 * i
            for k in range(length):
                tables[at + k] = octets[k]
    since = elapsed(s, us, state[_ANCHOR_S], state[_ANCHOR_US]) if state[_ANCHOR_S] >= 0 else -1
    period = state[_PERIOD]
    if 0 <= since < period:
        return False
    if since < 0 or since >= 2 * period:
        state[_ANCHOR_S] = s
        state[_ANCHOR_US] = us
        if since < 0:
            return False
    else:
        # the rate is kept, whatever the frame's lateness
        since = state[_ANCHOR_US] + period
        state[_ANCHOR_S] += since // 1000000
        state[_ANCHOR_US] = since % 1000000
    state[_COUNTS] = take(n, ids, s, us, state, tables)
    return True


# Reads the values: whether no id is stale.
def take(n, ids, s, us, state, tables):
    for at in range(_SEEN, _SEEN + ids):
        if state[at] < 0 or elapsed(s, us, state[at], state[at + ids]) > state[at + 2 * ids]:
            return 0
    data = n + ids
    row = data + 8 * ids
    for at in range(_SEEN + 3 * ids, _SEEN + 3 * ids + state[_COUNT]):
        byte = data + 8 * tables[row + 3] + tables[row]
        where = tables[row + 1]
        bits = tables[row + 2]
        raw = tables[byte] >> (where & 7)
        have = 8 - (where & 7)
        while have < bits:
            byte += -1 if where & 8 else 1
            raw |= tables[byte] << have
            have += 8
        raw &= (1 << bits) - 1
        if where & 16 and raw >> bits - 1:
            raw -= 1 << bits
        state[at] = raw
        row += 4
    return 1


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
    def __init__(self, pieces, fingerprint, kernel=native or follow):
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
            slot = fingerprint.find(key)
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
