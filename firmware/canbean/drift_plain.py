# A frame of the senders' clocks in bytecode; drift.py says what the numbers in `state` and `tables` are.
from . import const

_NONE = const(255)
# As in fingerprint.py.
_N = const(1)
_SLOT = const(20)
_KEYS = const(32)
# As in drift.py.
_CLOCKS = const(0)
_EVENT = const(1)
_OFF = const(2)
_PERIOD = const(3)


# Takes in a frame: whether a batch of its id's clock is whole, or came to nothing.
def follow(now, octets, state, tables):  # noqa: ARG001 - every detector is called so
    n = now[_N]
    slot = now[_SLOT]
    if slot >= n:
        return False
    k = state[_CLOCKS]
    j = tables[2 * k + slot]
    if j == _NONE:
        return False
    gap = now[_KEYS + 2 * n + 3 * slot + 2]
    at = _PERIOD + j
    error = gap - state[at]
    tolerance = state[at + k]
    state[_EVENT] = j
    state[_OFF] = off = gap < 0 or error > tolerance or error < -tolerance
    if off:
        return True
    at += 2 * k
    state[at] = offset = state[at] + (error << 8) - tables[j]
    at += k
    state[at] += offset >> 8
    at += k
    state[at] += 1
    return state[at] & 127 >= tables[k + j]
