# `incidents N`: closed incidents of the store from record N on, oldest first, then a line that says whether there are more.
import struct

from canbean.alert import KINDS
from canbean.said import id_text
from commands import store_file

READS = True
# As in store_pack.py.
_REST = "<IIIIIIIIHHBB4I"

_SEVERITIES = "low", "medium", "high"
_MOST = 16  # records a command: the bus is not looked at meanwhile


def run(app, words):
    number = int(words[0]) if words else 1
    damaged = 0
    try:
        file = open(store_file.PATH, "rb")
    except OSError:
        number, last = 1, 0
    else:
        with file:
            last = store_file.last(file)
            number = min(max(number, last - store_file.PLACES + 1, 1), last + 1)
            end = min(number + _MOST, last + 1)
            while number < end:
                data = store_file.read(file, number)
                if data:
                    app.lines.send("stored", pairs(data))
                else:
                    damaged += 1
                number += 1
    app.lines.send(
        "store",
        (
            ("next", number),
            ("last", last),
            ("damaged", damaged),
            ("waiting", 1 if app.store.get("waiting") or app.store.get("closed") else 0),
            ("unstored", app.store.get("unstored", 0)),
        ),
    )


def pairs(data):
    record, skipped = struct.unpack(store_file.HEAD, data[:6])
    values = struct.unpack(_REST, data[6:-4])
    boot, epoch, number, s, us, closed_s, closed_us, count, more, kinds, severity, n = values[:12]
    names = [name for i, name in enumerate(KINDS.split(",")) if kinds >> i & 1]
    return (
        ("record", record),
        ("skipped", skipped),
        ("of", "%08x" % boot),
        ("clock", epoch or None),
        ("number", number),
        ("opened", b"%d.%06d" % (s, us)),
        ("closed", b"%d.%06d" % (closed_s, closed_us)),
        ("count", count),
        ("ids", str([id_text(key) for key in values[12 : 12 + n]]).replace("'", '"').encode()),
        ("more", more),
        ("kinds", str(names).replace("'", '"').encode()),
        ("severity", _SEVERITIES[severity]),
    )
