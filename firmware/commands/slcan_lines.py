# Frame records as lines of slcan: t T with data, r R for remote frames, and on demand four digits more for the time.
from canbean import const

_HEX = const(b"0123456789ABCDEF")


# How long the line of the record at `at` is.
def length(records, at, stamped):
    top = records[at + 10]
    count = 0 if top & 128 else min(records[at + 6] >> 4, 8)
    return 2 * count + (11 if top & 32 else 6) + (4 if stamped else 0)


# Writes it into `line`, `stamped` with milliseconds modulo 60,000; its length.
def text(line, records, at, stamped):
    names = _HEX
    top = records[at + 10]
    size = min(records[at + 6] >> 4, 8)
    n = 1
    if top & 32:
        line[0] = 82 if top & 128 else 84
        for i in range(at + 10, at + 6, -1):
            byte = records[i]
            line[n] = names[byte >> 4]
            line[n + 1] = names[byte & 15]
            n += 2
        line[1] = 48 + (top >> 4 & 1)
    else:
        line[0] = 114 if top & 128 else 116
        byte = records[at + 7]
        line[1] = names[records[at + 8] & 7]
        line[2] = names[byte >> 4]
        line[3] = names[byte & 15]
        n = 4
    line[n] = 48 + size
    n += 1
    if top < 128:
        for i in range(at + 11, at + 11 + size):
            byte = records[i]
            line[n] = names[byte >> 4]
            line[n + 1] = names[byte & 15]
            n += 2
    if stamped:
        s = records[at] | records[at + 1] << 8 | records[at + 2] << 16 | (records[at + 3] & 63) << 24
        us = records[at + 4] | records[at + 5] << 8 | (records[at + 6] & 15) << 16
        ms = s % 60 * 1000 + us // 1000
        for shift in range(12, -4, -4):
            line[n] = names[ms >> shift & 15]
            n += 1
    line[n] = 13
    return n + 1
