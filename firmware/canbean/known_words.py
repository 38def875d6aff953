# The words of an alert of a known id by the fingerprint, or by the checks: what was expected and what was seen.
from . import const
from .bucket import bucket
from .said import unbucket

# As in fingerprint.py.
_MOST = const(4)
_WAKE_S = const(11)
_SHARE = const(15)
_S = const(16)
_SLOT = const(20)
_START = const(21)
_RATE = const(22)
_TIMING = const(23)
_DLC = const(24)
_BROKEN = const(25)
_SPAN = const(26)
_BYTE = const(27)
_KEYS = const(32)
_PAYLOAD = const(8)

LENGTHS = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0c\x10\x14\x18\x20\x30\x40"


def known(watch, code, data):
    fingerprint = watch.fingerprint
    now = fingerprint.now
    i = now[_SLOT]
    at = i * 12
    record = fingerprint.halves
    most = max(now[_START], now[_RATE], now[_TIMING], now[_DLC], now[_BROKEN])
    checks = watch.checks
    if checks:
        checked = max(checks.counter, checks.checksum, checks.payload)
        if checked > most:
            from .check_words import words

            part = "payload"
            if checked == checks.counter:
                part = "counter"
            elif checked == checks.checksum:
                part = "checksum"
            return (part,) + words(checks, part)
    if most == now[_START]:
        expected = "only in the first %d s after waking up" % record[at + 11]
        return "rate", expected, "%d s after it" % (now[_S] - now[_WAKE_S])
    if most == now[_RATE]:
        return "rate", "at most %d of 32 frames" % now[_MOST], "%d of them" % now[_SHARE]
    if most == now[_TIMING]:
        edge, seen, expected = (
            record[at + 2],
            now[_KEYS + 2 * fingerprint.n + 3 * i + 2],
            "1 gap of at least %d us",
        )
        short = edge - bucket(seen)
        if short <= 0 or record[at + 4] + (short * record[at + 5] >> 6) < most:
            # one gap alone is worth less
            edge, seen, expected = record[at + 3], now[_SPAN], "2 gaps of at least %d us"
        return "timing", expected % unbucket(edge), "%d us" % seen
    if most == now[_DLC]:
        return (
            "dlc",
            "length " + " or ".join([str(LENGTHS[c]) for c in range(16) if record[at] >> c & 1]),
            "length %d" % LENGTHS[code],
        )
    k = now[_BYTE]
    payload = fingerprint.octets
    at = _PAYLOAD + i * 24 + k
    seen = "byte %d is %02X" % (k, data[k])
    mask, low = payload[at], payload[at + 8]
    if (data[k] ^ low) & mask:
        return "payload", "byte %d has %02X in bits %02X" % (k, low & mask, mask), seen
    return "payload", "byte %d in %02X..%02X" % (k, low, payload[at + 16]), seen
