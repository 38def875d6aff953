# The words of an alert about the order of ids.
from . import const
from .said import id_text

_RECORD = const(24)  # as in order.py


# Kind, what was expected and what was seen, of the window that was judged last.
def words(detector):
    at = detector.blamed * _RECORD + 8 * (detector.told >> 2)
    record = detector.tables
    usual = 0
    least = 16
    for kind in range(3):
        k = 3 * (detector.told & 3) + kind
        cost = record[at + 3 + (k >> 1)] >> ((k & 1) << 2) & 15
        if cost < least:
            least = cost
            usual = kind
    other = id_text(detector.keys[record[at] | record[at + 1] << 8])
    number = ("up to ", "", "from ")[usual] + str(record[at + 2] + usual)
    expected = number + " of " + other + " between two of " + id_text(detector.keys[detector.blamed])
    return "sequence", expected, "%d of %s" % (detector.run, other)
