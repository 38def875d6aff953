# A frame of a window's totals in bytecode; windows.py says what the numbers in `state` and `tables` are.
from . import const
from .bus import elapsed

# As in fingerprint.py.
_N = const(1)
_S = const(16)
_US = const(17)
_SLOT = const(20)
# As in windows.py.
_WINDOW = const(0)
_START_S = const(1)
_START_US = const(2)
_LAST_S = const(3)
_LAST_US = const(4)
_TOTALS = const(5)
_IDS = const(6)
_SILENCE = const(7)
_FLIPS = const(8)
_CHANGES = const(9)
_KNOWN = const(10)
_STATE = const(11)


# Takes in a frame: whether the window was over before it.
def follow(now, octets, state, tables):
    s = now[_S]
    us = now[_US]
    n = now[_N]
    since = -1
    if state[_START_S] >= 0:
        since = elapsed(s, us, state[_START_S], state[_START_US])
        if since >= state[_WINDOW]:
            return True
    if since < 0:
        state[_START_S] = state[_LAST_S] = s
        state[_START_US] = state[_LAST_US] = us
        for i in range(_TOTALS, _STATE):
            state[i] = 0
        for i in range(n, 2 * n):
            tables[i] = 0
    state[_SILENCE] = max(state[_SILENCE], elapsed(s, us, state[_LAST_S], state[_LAST_US]))
    state[_LAST_S] = s
    state[_LAST_US] = us
    state[_TOTALS] += 1
    slot = now[_SLOT]
    if slot < n:
        state[_KNOWN] += 1
        if not tables[n + slot]:
            state[_IDS] += 1
        if tables[n + slot] < 255:
            tables[n + slot] += 1
        flipped = tables[slot]
        for k in range(8):
            flipped ^= octets[k]
        if flipped:
            tables[slot] ^= flipped
            state[_CHANGES] += 1
            while flipped:
                state[_FLIPS] += flipped & 1
                flipped >>= 1
    return False
