# A frame of the signals in bytecode, and their values when a sample is due; signals.py says what the numbers in `state`
# and `tables` are.
from . import const
from .bus import elapsed

# As in fingerprint.py.
_N = const(1)
_S = const(16)
_US = const(17)
_CODE = const(19)
_SLOT = const(20)
# As in signals.py.
_ANCHOR_S = const(0)
_ANCHOR_US = const(1)
_PERIOD = const(2)
_IDS = const(3)
_COUNT = const(4)
_COUNTS = const(5)
_SEEN = const(6)


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
