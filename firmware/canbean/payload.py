# What checks read from payloads: numbers at some bits, and checksums: XOR, sums and _CRC-8 of the bytes beside them.
# `table` holds checks of eight bytes, as the host's detect/checks.py lays them out; `at` is where one begins.
from . import const

_CRC = const(3)  # families of checksums: XOR, sum, negative sum, _CRC, reflected _CRC


# What a _CRC-8 makes of each byte.
def crc_table(polynomial, reflected):
    table = bytearray(256)
    if reflected:
        mirrored = 0
        for k in range(8):
            mirrored |= (polynomial >> k & 1) << 7 - k
    for i in range(256):
        state = i
        for _ in range(8):
            if reflected:
                state = state >> 1 ^ (mirrored if state & 1 else 0)
            else:
                state = (state << 1 ^ (polynomial if state & 128 else 0)) & 255
        table[i] = state
    return table


# What a checksum should be; tables of CRCs begin at `crcs`.
def checksum(table, at, data, crcs):
    family = table[at + 4] & 15
    own = table[at + 2] >> 3
    mask = (1 << table[at + 3]) - 1
    sum = 0
    if family >= _CRC:
        crcs += table[at + 6] << 8
        for k in range(table[at + 5] & 15, (table[at + 5] >> 4) + 1):
            if k != own:
                sum = table[crcs + (sum ^ data[k])]
        for k in range(table[at + 4] >> 4):
            sum = table[crcs + sum]
        return sum ^ table[at + 7]
    for k in range(table[at + 5] & 15, (table[at + 5] >> 4) + 1):
        b = data[k]
        if k == own:
            b &= ~(mask << (table[at + 2] & 7))
        if mask < 255:
            b = b & 15 ^ b >> 4 if family == 0 else (b & 15) + (b >> 4)
        sum = sum ^ b if family == 0 else sum + b
    if family == 0:
        return sum ^ table[at + 7]
    return (table[at + 7] + sum if family == 1 else table[at + 7] - sum) & mask


# The bits of a check as a number, of the payload that begins at `base` in `data`.
def value(table, at, data, base):
    shape = table[at + 3]
    k = base + (table[at + 2] >> 3)
    have = 8 - (table[at + 2] & 7)
    value = data[k] >> 8 - have
    length = shape & 31
    while have < length:
        k += -1 if shape & 128 else 1
        value |= data[k] << have
        have += 8
    return value & (1 << length) - 1
