# What the frames of a bus have in common for all that watches it: times, and ids.
from . import const

FOREVER = 1000000000  # gaps saturate here: small integers of a 32-bit board end at 2**30

# As in fingerprint.py.
_N = const(1)
_KEYS = const(32)


# Microseconds from (s0, us0) to (s, us), times as seconds and microseconds: -1 if time runs backwards.
def elapsed(s, us, s0, us0):
    d = s - s0
    if d >= 1000:
        return FOREVER
    if d < 0:
        return -1
    d = d * 1000000 + us - us0
    return d if d >= 0 else -1


# A hash of an id, 0 to 255.
def hash8(key):
    return (key ^ key >> 7 ^ key >> 13 ^ key >> 21) & 255


# Place of an id among those of the fingerprint, their number for one that it does not have.
def find(now, key):
    low = 0
    high = n = now[_N]
    while low < high:
        middle = (low + high) >> 1
        if now[_KEYS + middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < n and now[_KEYS + low] == key else n
