# An engineer's rules: frames that never raise an alert, and frames that always do. The first that matches decides.
# The plain twin of the host's detect/rules.py, which has the layout of the section.
import struct
from array import array

from . import const
from .known_words import LENGTHS

_HEADER = const(4)
_MOST = const(64)
_ALLOW = const(1)
_DENY = const(2)
_EXPECTED = const("no frame that matches a denied pattern")


class Rules:
    def __init__(self, model):
        n, p = struct.unpack("<HH", model.part("RULE", 0, _HEADER))
        if not 0 < n <= _MOST or model.size("RULE") != _HEADER + 10 * n + 2 * p:
            raise ValueError("section RULE does not hold what it says")
        self.n = n
        self.keys = array("I", model.part("RULE", _HEADER, 4 * n))
        self.masks = array("I", model.part("RULE", _HEADER + 4 * n, 4 * n))
        self.actions = model.part("RULE", _HEADER + 8 * n, n)
        # of a rule, bit k where payload byte k is compared
        self.used = model.part("RULE", _HEADER + 9 * n, n)
        self.pairs = model.part("RULE", _HEADER + 10 * n, 2 * p)
        self.starts = array("H", bytes(2 * n))
        at = 0
        for i in range(n):
            if not 0 < self.actions[i] <= _DENY or (self.keys[i] | self.masks[i]) >> 30:
                raise ValueError("section RULE holds what is no rule")
            self.starts[i] = at
            for k in range(8):
                at += (self.used[i] >> k & 1) << 1
        if at != 2 * p:
            raise ValueError("section RULE does not hold what it says")
        self.rule = 0

    def verdict(self, key, data):
        # 0: nothing, 1: allow, 2: deny; which rule decided stays in `rule`.
        keys = self.keys
        masks = self.masks
        for i in range(self.n):
            if not (key ^ keys[i]) & masks[i] and self.matches(i, data):
                self.rule = i
                return self.actions[i]
        return 0

    def matches(self, i, data):
        left = self.used[i]
        pairs = self.pairs
        at = self.starts[i]
        k = 0
        while left:
            if left & 1:
                if (data[k] ^ pairs[at]) & pairs[at + 1]:
                    return False
                at += 2
            left >>= 1
            k += 1
        return True

    def allows_id(self, key):
        # Whether an id is allowed as a whole: then it is not reported missing.
        for i in range(self.n):
            if not self.used[i] and not (key ^ self.keys[i]) & self.masks[i]:
                return self.actions[i] == _ALLOW
        return False

    def words(self, key, code, data):
        # Kind, what was expected and what was seen, of the frame that `verdict` has just denied.
        from .said import id_text

        kind = "payload" if self.used[self.rule] else "unknown-id"
        length = LENGTHS[code]
        seen = id_text(key) + "#" + "".join(["%02X" % data[k] for k in range(min(length, 8))])
        return kind, _EXPECTED, seen + "..." if length > 8 else seen
