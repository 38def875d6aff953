# Frame records as lines of slcan: t T with data, r R for remote frames, and on demand four digits more for the time.
from canbean import const

_HEX = const(b"0123456789ABCDEF")


# Bytes of `records`, `count` from `i` on, as digits in `line` from `n` on; where they end.
def digits(line, n, records, i, step, count):
    names = _HEX
    while count:
        byte = records[i]
        line[n] = names[byte >> 4]
        line[n + 1] = names[byte & 15]
        n += 2
        i += step
        count -= 1
    return n


# How long the line of the record at `at` is.
def length(records, at, stamped):
    top = records[at + 10]
    count = 0 if top & 128 else min(records[at + 6] >> 4, 8)
    return 2 * count + (11 if top & 32 else 6) + (4 if stamped else 0)


# Writes it into `line`, `stamped` with milliseconds modulo 60,000; its length.
def text(line, records, at, stamped):
    top = records[at + 10]
    remote = top & 128
    size = min(records[at + 6] >> 4, 8)
    if top & 32:
        n = digits(line, 1, records, at + 10, -1, 4)
        line[0] = 82 if remote else 84
        line[1] = 48 + (top >> 4 & 1)
    else:
        n = digits(line, 0, records, at + 8, -1, 2)
        line[0] = 114 if remote else 116
    line[n] = 48 + size
    n = digits(line, n + 1, records, at + 11, 1, 0 if remote else size)
    if stamped:
        s = records[at] | records[at + 1] << 8 | records[at + 2] << 16 | (records[at + 3] & 63) << 24
        us = records[at + 4] | records[at + 5] << 8 | (records[at + 6] & 15) << 16
        ms = s % 60 * 1000 + us // 1000
        for shift in (12, 8, 4, 0):
            line[n] = _HEX[ms >> shift & 15]
            n += 1
    line[n] = 13
    return n + 1
