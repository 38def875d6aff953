# The last frames of the bus: whether it had slept, whether they are crowded, and how many of them one id sends.
from . import const

FOREVER = 1000000000  # gaps saturate here: small integers of a 32-bit board end at 2**30

# As in fingerprint.py.
_N = const(1)
_SLEEP = const(2)
_CROWD = const(3)
_RING = const(8)
_WAKE_S = const(11)
_CROWD_S = const(12)
_CROWD_US = const(13)
_CROWDED = const(14)
_SHARE = const(15)
_KEYS = const(32)
_PAYLOAD = const(8)
_RECENT = const(32)


# Microseconds from (s0, us0) to (s, us), times as seconds and microseconds: -1 if time runs backwards.
def elapsed(s, us, s0, us0):
    if s == s0:
        return us - us0 if us >= us0 else -1
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


# Takes a frame of a slot (n and more for unknown ids) and tells of it and those before: whether the bus had slept.
def follow(now, halves, octets, s, us, slot):
    n = now[_N]
    at = _KEYS + 6 * n  # seconds (-1: none) and microseconds of the last frames
    i = now[_RING]
    before = at + (i - 1 & _RECENT - 1)
    woke = now[before] < 0 or elapsed(s, us, now[before], now[before + _RECENT]) >= now[_SLEEP]
    if woke:
        now[_WAKE_S] = s
    now[_RING] = i + 1 & _RECENT - 1
    at += i
    i += 13 * n  # slots of the last frames
    counts = _PAYLOAD + 24 * n
    now[_CROWDED] = 0
    if now[at] >= 0:
        octets[counts + halves[i]] -= 1
        if 0 <= elapsed(s, us, now[at], now[at + _RECENT]) < now[_CROWD]:
            now[_CROWDED] = 1
            now[_CROWD_S] = s
            now[_CROWD_US] = us
    now[at] = s
    now[at + _RECENT] = us
    halves[i] = slot
    counts += slot
    octets[counts] += 1
    now[_SHARE] = octets[counts]
    return woke
