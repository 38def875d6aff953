# What the settings change in a watch: thresholds, how long a silence may last, rules. All of it is made anew from the model file
# and the settings, at the start and whenever they change, so that it does not matter what was set before.
import struct
import sys

from canbean import const
from canbean.said import unbucket
from canbean.bus import FOREVER

_CAP = const(1024)
_FLOOR = const(64)  # 4 bits: no setting brings a threshold below, where one frame in 16 would reach it
_COLUMNS = const(12)
_PATIENCE = const(128)  # a silence is missed after four times what is usual: two octaves


def _moved(threshold, more):
    return max(min(threshold + more, _CAP), min(threshold, _FLOOR))


# Where a section lies in a model file, which has been checked when it was loaded; -> offset, length.
def _section(file, tag):
    file.seek(10)
    count = file.read(1)[0]
    file.seek(16)
    for _ in range(count):
        entry = file.read(12)
        if entry[:4] == tag:
            return struct.unpack("<II", entry[4:])
    return 0, 0


def apply(watch, lines, path):
    more = 0
    listed = False
    for line in lines:
        words = line.split()
        if words[0] == "threshold":
            more = int(words[1])
        listed = listed or words[0] in ("allow", "deny")
    fingerprint = watch.fingerprint
    n = fingerprint.n
    rules = b""
    with open(path, "rb") as file:
        at, size = _section(file, b"RULE")
        if size and (listed or watch.rules):
            file.seek(at)
            rules = file.read(size)
        if listed:
            from .lists import joined

            # may raise: nothing has been changed so far
            rules = joined(rules, lines)
        at = _section(file, b"FPRN")[0]
        file.seek(at + 2)
        threshold = struct.unpack("<H", file.read(2))[0]
        file.seek(at + 32 + 4 * n)
        file.readinto(fingerprint.timeout)
    level = fingerprint.threshold = _moved(threshold, more)
    if level != threshold:
        for i in range(n):
            fingerprint.timeout[i] = _silence(fingerprint.halves, _COLUMNS * i, level)
    for one in watch.windows:
        one.threshold = _moved(one.detector.threshold, more)
    watch.rules = _rules(rules) if rules else None
    if rules:
        for i in range(n):
            if watch.rules.allows_id(fingerprint.keys[i]):
                fingerprint.timeout[i] = FOREVER


# How long an id may be silent until that is as surprising as a threshold, in microseconds.
def _silence(record, at, level):
    edge, slope, base, most = record[at + 7], record[at + 8], record[at + 9], record[at + 10]
    if most < level:
        return FOREVER
    late = -(-(max(level - base, 0) << 6) // max(slope, 1))
    edge += 1 + max(late, _PATIENCE)
    return min(unbucket(edge), FOREVER) if edge < 30 << 6 else FOREVER


# The class anew: what made the last rules has left the heap.
def _rules(content):
    from .lists import Section

    sys.modules.pop("canbean.rules", None)
    from canbean.rules import Rules

    made = Rules(Section(content))
    Rules.__init__ = None
    return made
