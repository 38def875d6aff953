# A frame of the bus, in bytecode: whether the bus had slept, whether its last frames are crowded, how many of them one
# id sends, and how surprising the frame is. fingerprint.py says what the numbers in `now`, `halves` and `octets` are.
from . import const
from .bucket import bucket
from .bus import FOREVER, elapsed, find, hash8

_CAP = const(1024)
_COLUMNS = const(12)
_BREACHES = const(32767)
_EXTRA_BYTE = const(16)
_SHARED = const(16)
_RECENT = const(32)

# As in fingerprint.py.
_NEW = const(1 << 16)
_LATE = const(1 << 17)
_WOKE = const(1 << 18)
_OTHER = const(1 << 19)
_AT = const(0)
_N = const(1)
_SLEEP = const(2)
_CROWD = const(3)
_MOST = const(4)
_RATE_BITS = const(5)
_DLC_BITS = const(6)
_LEAST = const(7)
_RING = const(8)
_NEXT = const(9)
_SCORED = const(10)
_WAKE_S = const(11)
_CROWD_S = const(12)
_CROWD_US = const(13)
_CROWDED = const(14)
_SHARE = const(15)
_S = const(16)
_US = const(17)
_KEY = const(18)
_CODE = const(19)
_SLOT = const(20)
_START = const(21)
_RATE = const(22)
_TIMING = const(23)
_DLC = const(24)
_BROKEN = const(25)
_SPAN = const(26)
_BYTE = const(27)
_ASKED = const(28)
_SILENT = const(29)
_KEYS = const(32)
_PAYLOAD = const(8)


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


# The bits of a frame record, and what there is to do besides.
def judge(records, now, halves, octets):
    at = now[_AT]
    n = now[_N]
    key = records[at + 10]
    if key > 127:
        return _OTHER
    code = records[at + 6]
    now[_S] = s = records[at] | records[at + 1] << 8 | records[at + 2] << 16 | (records[at + 3] & 63) << 24
    now[_US] = us = records[at + 4] | records[at + 5] << 8 | (code & 15) << 16
    now[_KEY] = key = records[at + 7] | records[at + 8] << 8 | records[at + 9] << 16 | (key & 63) << 24
    now[_CODE] = code = code >> 4
    length = max(code, now[_LEAST])
    for k in range(8):
        octets[k] = records[at + 11 + k] if k < length else 0
    now[_SLOT] = i = find(now, key)
    bits = 0
    if follow(now, halves, octets, s, us, i if i < n else n + hash8(key) % _SHARED):
        bits = _WOKE
        for at in range(_KEYS + 2 * n, _KEYS + 5 * n, 3):
            now[at] = -1
    now[_SCORED] = scored = now[_SCORED] + 1 & 0x3FFFFFFF
    now[_RATE] = rate = now[_RATE_BITS] if now[_SHARE] > now[_MOST] else 0
    if i == n:
        now[_START] = now[_TIMING] = now[_DLC] = now[_BROKEN] = 0
        bits += _NEW
    else:
        now[_KEYS + 5 * n + i] = scored
        bits += known(now, halves, octets, i, rate)
    i = now[_NEXT]
    now[_NEXT] = i + 1 if i + 1 < n else 0
    at = _KEYS + 2 * n + 3 * i
    if now[at] >= 0 and now[_KEYS + 5 * n + i] >= 0:
        silent = waited = elapsed(s, us, now[at], now[at + 1])
        if now[_CROWD_S] >= 0:
            # On a crowded bus an id is delayed, not gone: its time counts from the end of the crowd.
            waited = min(silent, elapsed(s, us, now[_CROWD_S], now[_CROWD_US]))
        if waited > now[_KEYS + n + i]:
            now[_ASKED] = i
            now[_SILENT] = silent
            bits += _LATE
    return bits


# The bits of a known id.
def known(now, halves, octets, i, rate):
    s = now[_S]
    us = now[_US]
    n = now[_N]
    at = _KEYS + 2 * n + 3 * i
    gap = span = -1
    if now[at] >= 0:
        gap = elapsed(s, us, now[at], now[at + 1])
        if gap >= 0 and now[at + 2] >= 0:
            span = min(gap + now[at + 2], FOREVER)
    now[at] = s
    now[at + 1] = us
    now[at + 2] = gap
    now[_SPAN] = span
    at = i * _COLUMNS
    timing = 0
    # On a crowded bus frames wait for one another and then come close together.
    if gap >= 0 and not now[_CROWDED]:
        short = halves[at + 2] - bucket(gap)
        if span >= 0:
            short = max(short, halves[at + 3] - bucket(span))
        if short > 0:
            timing = min(halves[at + 4] + (short * halves[at + 5] >> 6), halves[at + 6])
    now[_TIMING] = timing
    now[_DLC] = dlc = 0 if halves[at] >> now[_CODE] & 1 else now[_DLC_BITS]
    # Bytes that break a constant bit or leave their range; the first of them is kept.
    broken = wrong = 0
    k = _PAYLOAD + 24 * i
    for b in range(8):
        byte = octets[b]
        low = octets[k + 8]
        if (byte ^ low) & octets[k] or byte < low or byte > octets[k + 16]:
            if not wrong:
                now[_BYTE] = b
            wrong += 1
        k += 1
    if wrong:
        k = _COLUMNS * n + i
        broken = halves[at + 1] + _EXTRA_BYTE * (wrong - 1) - (bucket(2 * halves[k] + 1) >> 2)
        broken = max(broken, 0)
        if halves[k] < _BREACHES:
            halves[k] += 1
    now[_BROKEN] = broken
    # an id that only comes when the bus wakes up
    now[_START] = start = _CAP if 0 < halves[at + 11] <= s - now[_WAKE_S] else 0
    return min(start + rate + timing + dlc + broken, _CAP - 1)
