# An incident as what a record of store_file.py holds of it.
import struct

from canbean import const
from canbean.alert import KINDS

REST = "<IIIIIIIIHHBB4I"
# As in incident.py.
_NUMBER = const(0)
_OPENED = const(1)
_LAST = const(3)
_COUNT = const(4)
_SHOWN = const(5)
_MORE = const(6)
_KINDS = const(7)
_OVER = const(8)

_WORST = const(36)  # where a record has its severity


# `closed`: incidents that are counted as unstored; the most severe, of them and of one that waits, is to wait.
def run(app, closed):
    state = app.store
    for one in closed:
        rest = pack(one, int(app.lines.boot, 16), app.epoch[0] if app.epoch else 0)
        waiting = state.get("waiting")
        if not waiting:
            state["unstored"] -= 1
        if not waiting or rest[_WORST] > waiting[_WORST]:
            state["waiting"] = rest


def pack(one, boot, epoch):
    names = KINDS
    kinds = 0
    for kind in one[_KINDS]:
        at = names.find(kind)
        if at >= 0:
            kinds |= 1 << names.count(",", 0, at)
    ids = [int(text, 16) | (len(text) > 3) << 29 for text in one[_SHOWN]]
    n = len(ids)
    over = one[_OVER]
    # as in said.py
    worst = 2 if over >= 256 else 1 if over >= 64 else 0
    values = one[_OPENED] + one[_LAST] + (one[_COUNT], min(one[_MORE], 65535), kinds, worst, n)
    return struct.pack(REST, boot, epoch, one[_NUMBER], *values, *(ids + [0] * (4 - n)))
