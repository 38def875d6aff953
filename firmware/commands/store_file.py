# Closed incidents in a file that survives a reset: a ring of records with a number and a check each.
#
# record  u32 number, from 1, u16 incidents that were not stored since the record before
#         u32 boot id, u32 wall clock (s since 1970) at time 0 or 0, u32 incident
#         u32 s, u32 us it opened, u32 s, u32 us it closed, u32 alerts, u16 of them of further ids
#         u16 kinds, bit i the i-th of KINDS, u8 severity 0..2, u8 ids, 4 u32 ids
#         u32 CRC-32 of what stands before
import struct

from canbean import const
from canbean.lines import crc32

PATH = "incidents"
PLACES = const(64)
SIZE = const(64)
HEAD = "<IH"


# Writes the record that waits.
def run(app, _):
    state = app.store
    unstored = state["unstored"]
    try:
        file = open(PATH, "r+b")
    except OSError:
        file = open(PATH, "w+b")
    with file:
        # what made it may have been cut
        size = file.seek(0, 2)
        while size < SIZE * PLACES:
            size += file.write(bytes(SIZE))
        number = last(file) + 1
        skipped = unstored - state.get("told", 0)
        data = struct.pack(HEAD, number, min(skipped, 65535)) + state["waiting"]
        high, low = crc32(data)
        file.seek(number % PLACES * SIZE)
        file.write(data + struct.pack("<HH", low, high))
    state["waiting"] = None
    state["told"] = unstored


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
