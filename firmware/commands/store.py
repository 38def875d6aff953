# Closed incidents in a file that survives a reset: a ring of records with a number and a check each.
#
# record  u32 number, from 1, u16 incidents that were not stored since the record before
#         u32 boot id, u32 wall clock (s since 1970) at time 0 or 0, u32 incident
#         u32 s, u32 us it opened, u32 s, u32 us it closed, u32 alerts, u16 of them of further ids
#         u16 kinds, bit i the i-th of SIGNS, u8 severity 0..2, u8 ids, 4 u32 ids
#         u32 CRC-32 of what stands before
#
# Flash wears out: not more than one record a minute is written. One incident waits for its turn, the more severe of two.
import struct

from canbean import const
from canbean.alert import SIGNS
from canbean.lines import crc32
from canbean.said import severity

PATH = "incidents"
PLACES = const(64)
SIZE = const(64)
HEAD = "<IH"
REST = "<IIIIIIIIHHBB4I"
SEVERITIES = ("low", "medium", "high")
_PAUSE = const(60)  # seconds
# As in incident.py.
_NUMBER = const(0)
_OPENED = const(1)
_LAST = const(3)
_COUNT = const(4)
_SHOWN = const(5)
_MORE = const(6)
_KINDS = const(7)
_OVER = const(8)


# Of app.store: `closed` are incidents that are over, `waiting` is the record of one whose turn has not come, `next` the second
# of uptime at which that is, `unstored` how many will never be written, `told` how many of those a record has told of.
# `app.due` is when this wants to be run again.
def run(app, _):
    state = app.store
    waiting = state.get("waiting")
    unstored = state.get("unstored", 0)
    for one in state.pop("closed", ()):
        rest = pack(one, int(app.lines.boot, 16), app.epoch[0] if app.epoch else 0)
        if waiting:
            unstored += 1
        if not waiting or rest[36] > waiting[36]:
            waiting = rest
    now = app.console.uptime() // 1000
    app.due = state.get("next", 0)
    state.update({"waiting": waiting, "unstored": unstored})
    if waiting and now >= app.due:
        app.due = state["next"] = now + _PAUSE
        with opened() as file:
            put(file, unstored - state.get("told", 0), waiting)
        state["waiting"] = None
        state["told"] = unstored
    if not state["waiting"]:
        app.due = None


def pack(one, boot, epoch):
    kinds = 0
    for i, sign in enumerate(SIGNS.split(",")):
        if sign.split(" ")[0] in one[_KINDS]:
            kinds |= 1 << i
    ids = [int(text, 16) | (len(text) > 3) << 29 for text in one[_SHOWN]]
    n = len(ids)
    worst = SEVERITIES.index(severity(one[_OVER], 0))
    values = one[_OPENED] + one[_LAST] + (one[_COUNT], min(one[_MORE], 65535), kinds, worst, n)
    return struct.pack(REST, boot, epoch, one[_NUMBER], *values, *(ids + [0] * (4 - n)))


# The file, with a place for every record.
def opened(mode="r+b"):
    try:
        file = open(PATH, mode)
    except OSError:
        file = open(PATH, "w+b")
    # what made it may have been cut
    size = file.seek(0, 2)
    while size < SIZE * PLACES:
        size += file.write(bytes(SIZE))
    return file


# The record of that number, or None.
def read(file, number):
    file.seek(number % PLACES * SIZE)
    data = file.read(SIZE)
    high, low = crc32(data[:-4])
    if len(data) == SIZE and struct.unpack("<IHH", data[:4] + data[-4:]) == (number, low, high):
        return data
    return None


# The highest number of a whole record; 0 where there is none.
def last(file):
    below = 0
    while True:
        best = 0
        for i in range(PLACES):
            file.seek(i * SIZE)
            number = int.from_bytes(file.read(4), "little")
            if best < number and number % PLACES == i and (not below or number < below):
                best = number
        if not best or read(file, best):
            return best
        below = best


def put(file, skipped, rest):
    number = last(file) + 1
    data = struct.pack(HEAD, number, min(skipped, 65535)) + rest
    high, low = crc32(data)
    file.seek(number % PLACES * SIZE)
    file.write(data + struct.pack("<HH", low, high))
