# The words of an alert of an id that nobody knows.
from . import const
from .said import id_text

# As in fingerprint.py.
_MOST = const(4)
_CROWDED = const(14)
_SHARE = const(15)
_STRANGE = const(30)


def stranger(fingerprint, key):
    now = fingerprint.now
    said = "unknown-id", "one of %d known ids" % fingerprint.n, "id " + id_text(key)
    gap, count = now[now[_STRANGE] + 2], now[now[_STRANGE] + 3]
    # A novelty comes steadily, no faster than known ids do, and does not crowd the bus.
    fastest = fingerprint.pace_us // now[_MOST] >> 4
    if fingerprint.novelty or count < 8 or gap <= fastest or now[_SHARE] > now[_MOST] or now[_CROWDED]:
        return said
    return said[:2] + (said[2] + ", every %d ms, %d times" % (gap, count), "low")
