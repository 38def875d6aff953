# Lines from the board: one JSON object each, keys in the order given, numbered and with a CRC-32.
# The host formats with this very file, so both sides write the same bytes.

from array import array

# CRC-32 (IEEE 802.3, reflected) of the numbers 0..15, high halves and then low ones: 16 bits make no big integer
_TABLE = array("H", (
    0x0000, 0x1DB7, 0x3B6E, 0x26D9, 0x76DC, 0x6B6B, 0x4DB2, 0x5005,
    0xEDB8, 0xF00F, 0xD6D6, 0xCB61, 0x9B64, 0x86D3, 0xA00A, 0xBDBD,
    0x0000, 0x1064, 0x20C8, 0x30AC, 0x4190, 0x51F4, 0x6158, 0x713C,
    0x8320, 0x9344, 0xA3E8, 0xB38C, 0xC2B0, 0xD2D4, 0xE278, 0xF21C,
))  # fmt: skip


# CRC-32 as (high half, low half), going on from those of the bytes before; equal to zlib.crc32.
def crc32(text, high=0, low=0):
    table = _TABLE
    high ^= 0xFFFF
    low ^= 0xFFFF
    for byte in text:
        low ^= byte
        i = low & 15
        low = (low >> 4 | (high & 15) << 12) ^ table[i + 16]
        high = high >> 4 ^ table[i]
        i = low & 15
        low = (low >> 4 | (high & 15) << 12) ^ table[i + 16]
        high = high >> 4 ^ table[i]
    return high ^ 0xFFFF, low ^ 0xFFFF


# A value as JSON bytes: of int, str, True, False, None, or bytes that are JSON already. Floats are refused:
# each side prints them differently.
def value(v):
    if isinstance(v, bytes):
        return v
    if v is None:
        v = "null"
    elif isinstance(v, (bool, int)):
        v = str(v).lower()
    elif isinstance(v, str):
        for byte in v.encode():
            if not 32 <= byte < 127 or byte == 34 or byte == 92:
                from .escape import escaped

                v = escaped(v)
                break
        v = '"%s"' % v
    else:
        raise TypeError("not for a line")
    return v.encode()


# The text of `"key":value,...` for (key, value) pairs.
def body(pairs):
    return ",".join(['"%s":%s' % (key, str(value(v), "ascii")) for key, v in pairs])


class Lines:
    # `n` alerts are kept until the host says that they have come; the oldest give way to new ones. None: there are none.
    def __init__(self, write, boot, n=0):
        self.write = write
        self.boot = boot.encode()
        self.seq = 0
        self.n = n
        # called with what an alert tells before its line is written; with True when there was none for long enough,
        # with False when counting begins anew
        self.gather = None
        # the second of the last alert of an incident that is open
        self.last = -1
        if n is not None:
            self.reset()

    # Alerts are counted from here.
    def reset(self):
        self.end(False)
        # of each alert its line's number and what made it
        self.kept = []
        # raised, and those that gave way
        self.alerts = self.lost = 0

    # It is second `s`: ten seconds without an alert end an incident.
    def idle(self, s):
        if s - self.last > 10:
            self.end(True)

    def end(self, what):
        if self.last >= 0:
            self.last = -1
            self.gather(what)

    # Writes `{"type":kind,"boot":..,"seq":..,pairs,"crc":..}` and a newline, in pieces: a heap that is small and
    # in use has no room for a whole line at once. A line that is written again has its old number.
    def send(self, kind, pairs=(), seq=-1):
        if seq < 0:
            seq = self.seq
            self.seq = seq + 1
        for _, v in pairs:
            # what cannot be said must not break off a line
            value(v)
        piece = b'{"type":"%s","boot":"%s","seq":%d' % (kind.encode(), self.boot, seq)
        self.write(piece)
        crc = crc32(piece)
        for key, v in pairs:
            for piece in (b',"%s":' % key.encode(), value(v)):
                self.write(piece)
                crc = crc32(piece, *crc)
        self.write(b',"crc":"%04x%04x"}\n' % crc)

    # Writes an alert, whose pairs are fields(*values), and keeps it: the values are shorter than the line.
    def alert(self, fields, values):
        if self.gather:
            self.gather(values)
            self.last = values[0]
        self.alerts += 1
        if self.n:
            if len(self.kept) == self.n:
                self.kept.pop(0)
                self.lost += 1
            self.kept.append((self.seq, fields, values))
        # one that finds no heap leaves a gap, so that the host asks for it
        seq = self.seq
        self.seq = seq + 1
        self.send("alert", fields(*values), seq)

    # The host has all alerts before line `seq`; with a `gap` it asks for the others.
    def got(self, seq, gap):
        kept = self.kept
        while kept and kept[0][0] < seq:
            kept.pop(0)
        if gap:
            for number, fields, values in kept:
                self.send("alert", fields(*values), number)
            first = kept[0][0] if kept else self.seq
            self.send(
                "kept", (("alerts", self.alerts), ("lost", self.lost), ("kept", len(kept)), ("first", first))
            )
