# The order of ids: how many frames of its partners lie between two frames of an id, window by window.
# The plain twin of the host's detect/detectors/sequence.py, which has the layout of section ORDR.
import struct
from array import array

from . import const

_HEADER = const(16)
_WORTH = const(32)
_RECORD = const(24)  # three partners of eight bytes
_NEVER = const(255)  # an id that was not seen since the bus woke up
_ONCE = const(63)  # one that was seen once
# As in fingerprint.py.
_N = const(1)
_SLOT = const(20)
# `state`
_FRAMES = const(0)
_WINDOW = const(1)
_RAW = const(2)
_MOST = const(3)
_BLAMED = const(4)
_RUN = const(5)
_TOLD = const(6)
_WORTHS = const(7)


try:
    from .order_viper import follow
except Exception:
    # as in dense.py: no native code here
    # Takes in a frame: whether the window is full. It is worth what the runs of an id's partners cost, the least of three.
    def follow(now, octets, state, tables):  # noqa: ARG001 - every detector is called so
        slot = now[_SLOT]
        n = now[_N]
        state[_FRAMES] += 1
        full = state[_FRAMES] >= state[_WINDOW]
        if slot >= n:
            return full
        at = slot * _RECORD
        counts = _RECORD * n
        tables[counts + slot] = tables[counts + slot] + 1 & 255
        if tables[at] | tables[at + 1] << 8 == slot:
            return full
        then = counts + n + 3 * slot
        before = tables[counts + 4 * n + slot]
        classes = bit = 0
        least = 16
        while bit < 6:
            last = tables[counts + (tables[at] | tables[at + 1] << 8)]
            run = last - tables[then] & 255
            tables[then] = last
            kind = run - tables[at + 2]
            if kind > 0:
                if kind > 2:
                    kind = 2
                classes |= kind << bit
            else:
                kind = 0
            if before < _ONCE:
                kind += 3 * (before >> bit & 3)
                kind = tables[at + 3 + (kind >> 1)] >> ((kind & 1) << 2) & 15
                if kind < least:
                    least = kind
                    told = bit
                    told_run = run
            then += 1
            at += 8
            bit += 2
        tables[counts + 4 * n + slot] = _ONCE if before == _NEVER else classes
        if before < _ONCE:
            run = state[_WORTHS + least]
            state[_RAW] += run
            if run > state[_MOST]:
                state[_MOST] = run
                state[_BLAMED] = slot
                state[_RUN] = told_run
                state[_TOLD] = told << 1 | before >> told & 3
        return full


class Detector:
    def __init__(self, model, fingerprint, kernel=follow):
        head = struct.unpack("<HBBHBBHHHH", model.part("ORDR", 0, _HEADER))
        self.threshold, self.need, self.of, n, partners, window = head[:6]
        self.edge, self.base, self.slope = head[6:9]
        if n != fingerprint.n or partners != 3 or model.size("ORDR") != _HEADER + _WORTH + _RECORD * n:
            raise ValueError("section ORDR does not hold what it says")
        self.n = n
        self.keys = fingerprint.keys
        self.kernel = kernel
        self.state = array("i", bytes(4 * _WORTHS + 2 * _WORTH))
        self.state[_WINDOW] = window
        worth = model.part("ORDR", _HEADER, _WORTH)
        for i in range(_WORTH // 2):
            self.state[_WORTHS + i] = worth[2 * i] | worth[2 * i + 1] << 8
        # partners; of each id its frames modulo 256, its partners' frames when it was seen last, and classes of its
        # last runs, two bits each
        tables = self.tables = bytearray((_RECORD + 5) * n)
        model.into("ORDR", _HEADER + _WORTH, memoryview(tables)[: _RECORD * n])
        for at in range(0, _RECORD * n, 8):
            if tables[at] | tables[at + 1] << 8 >= n:
                raise ValueError("section ORDR has a partner that is no id")
        self.reset()

    def reset(self):
        self.blamed = -1
        self.forget()

    def forget(self):
        for i in range(self.n):
            self.tables[(_RECORD + 4) * self.n + i] = _NEVER
        self.state[_FRAMES] = self.state[_RAW] = self.state[_MOST] = 0

    def judge(self, _):
        state = self.state
        raw = state[_RAW]
        self.blamed = -1
        if state[_MOST]:
            self.blamed = state[_BLAMED]
            self.run = state[_RUN]
            self.told = state[_TOLD]
        state[_FRAMES] = state[_RAW] = state[_MOST] = 0
        if raw <= self.edge:
            return 0
        return min(self.base + ((raw - self.edge) * self.slope >> 6), 1024)

    def words(self):
        from .order_words import words

        return words(self)
