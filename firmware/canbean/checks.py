# Checks of payloads: counters, checksums, steps, ranges and frozen values of an id; surprise in sixteenths of a bit.
# The plain twin of the host's detect/check_judge.py; the layout is in its detect/checks.py.
import struct
from array import array

from . import const
from .bucket import bucket
from .payload import checksum, crc_table, value

try:
    from .checks_viper import usual as native
except Exception:
    # as in dense.py: no native code here
    native = None

_CAP = const(1024)
_BREACHES = const(32767)
_RUN = const(32767)
_VALUES_MOST = const(224)
_COUNTER = const(0)
_CHECKSUM = const(1)
_STEP = const(2)
_RANGE = const(3)
_CRC = const(3)  # families of checksums from here on are CRCs


class Checks:
    # `n`: ids of the fingerprint; its row of an id is the slot here.
    # `kernel` says 0 where all is as usual and has been kept; None: there is none.
    def __init__(self, model, n, kernel=native):
        ids, count = struct.unpack("<HH", model.part("CHKS", 0, 4))
        if ids > 255 or model.size("CHKS") != 4 + 4 * ids + 8 * count:
            raise ValueError("section CHKS does not hold what it says")
        self.ids = ids
        self.kernel = kernel
        content = model.part("CHKS", 4 + 4 * ids, 8 * count)
        crcs = b""
        numbers = {}
        for at in range(0, 8 * count, 8):
            if content[at] == _COUNTER and content[at + 5] >= content[at + 6]:
                raise ValueError("section CHKS has a counter that does not count")
            if content[at + 2] > 63 or content[at] == _CHECKSUM and content[at + 5] > 127:
                raise ValueError("section CHKS has a check of bytes that are not there")
            key = (content[at + 4] & 15) << 8 | content[at + 6]
            if content[at] == _CHECKSUM and key >= _CRC << 8 and key not in numbers:
                numbers[key] = len(crcs) >> 8
                crcs += crc_table(key & 255, key >> 8 > _CRC)
        # checks, of which a CRC has the number of its table; these tables; of each id of the fingerprint the number of
        # its row here and 1, or 0; of the ids here their DLC code, whether a payload is known, and that
        size = 8 * count + len(crcs)
        table = self.table = bytearray(size + n + 1 + 10 * ids)
        table[: 8 * count] = content
        table[8 * count : size] = crcs
        content = crcs = None
        for at in range(0, 8 * count, 8):
            key = (table[at + 4] & 15) << 8 | table[at + 6]
            if table[at] == _CHECKSUM and key in numbers:
                table[at + 6] = numbers[key]
        # slot, DLC code, ids of the fingerprint, ids here, checks, size of the CRCs' tables
        self.given = array("i", bytes(24))
        self.given[2] = n
        self.given[3] = ids
        self.given[4] = count
        self.given[5] = size - 8 * count
        view = memoryview(table)[size:]
        self.entry = view[: n + 1]
        view = view[n + 1 :]
        self.code = view[:ids]
        self.known = view[ids : 2 * ids]
        self.last = view[2 * ids :]
        # where an id's checks start, and the end; runs of the checks, and what the kernel makes of them
        self.halves = array("H", bytes(2 * (ids + 1 + 2 * count)))
        view = memoryview(self.halves)
        self.start = view[: ids + 1]
        self.run = view[ids + 1 : ids + 1 + count]
        self.breaches = array("H", bytes(2 * ids))
        heads = model.part("CHKS", 4, 4 * ids)
        for i in range(ids):
            slot, self.code[i], own = struct.unpack("<HBB", heads[4 * i : 4 * i + 4])
            if slot >= n:
                raise ValueError("section CHKS has an id that is not there")
            self.entry[slot] = i + 1
            self.start[i + 1] = self.start[i] + own
        if self.start[ids] != count:
            raise ValueError("section CHKS does not hold what it says")
        self.worst = array("i", bytes(36))  # check, expected, seen; of counter, checksum, payload
        self.reset()

    def reset(self):
        self.counter = self.checksum = self.payload = 0
        for i in range(self.ids):
            self.breaches[i] = 0
        self.forget()

    def forget(self):
        # The bus has slept: nothing is known of the payloads before.
        for i in range(self.ids):
            self.known[i] = 0
        for i in range(len(self.run)):
            self.run[i] = 0

    def frame(self, slot, code, data):
        # Checks a payload; returns the sum of counter, checksum and payload.
        self.counter = self.checksum = self.payload = 0
        if self.kernel:
            self.given[0] = slot
            self.given[1] = code
            if not self.kernel(data, self.given, self.halves, self.table):
                return 0
        i = self.entry[slot] - 1
        if i < 0 or self.code[i] != code:
            return 0
        table = self.table
        known = self.known[i]
        fresh = False
        for check in range(self.start[i], self.start[i + 1]):
            at = check << 3
            kind = table[at]
            want = 0
            got = value(table, at, data, 0)
            if kind == _CHECKSUM:
                want = checksum(table, at, data, self.given[4] << 3)
                if got != want:
                    self.checksum = self.worse(1, self.checksum, check, want, got, table[at + 1] << 2)
                continue
            edge = table[at + 4] | table[at + 5] << 8
            if kind == _RANGE:
                span = table[at + 6] | table[at + 7] << 8
                if (got - edge & (1 << (table[at + 3] & 31)) - 1) > span:
                    fresh = True
                    self.payload = self.worse(2, self.payload, check, 0, got, table[at + 1] << 2)
                continue
            if not known:
                continue
            before = value(table, at, self.last, i << 3)
            if kind == _COUNTER:
                low = table[at + 5]
                want = low + (before - low + table[at + 4]) % (table[at + 6] - low + 1)
                if got != want and not (table[at + 7] & 1 and got == before):
                    self.counter = self.worse(
                        0, self.counter, check, want, got, self.miscounted(at, got - want)
                    )
                continue
            slope = table[at + 6]
            if kind == _STEP:
                half = 1 << (table[at + 3] & 31) - 1
                got = abs((got - before + half & half + half - 1) - half)
                new = True
            else:
                edge &= 255
                slope = table[at + 5]
                run = self.run[check] = min(self.run[check] + 1, _RUN) if got == before else 0
                # 0, or another value at which clean traffic holds still
                got = 0 if got == 0 or got == table[at + 6] | table[at + 7] << 8 else run
                new = got == edge + 1
            if got > edge:
                fresh = fresh or new
                bits = (table[at + 1] << 2) + ((bucket(got) - bucket(edge)) * slope >> 6)
                self.payload = self.worse(2, self.payload, check, 0, got, bits)
        self.known[i] = 1
        for k in range(8):
            self.last[(i << 3) + k] = data[k]
        seen = self.breaches[i]
        if self.payload:
            self.payload = max(self.payload - (bucket(2 * seen + 1) >> 2), 0)
        if fresh and seen < _BREACHES:
            self.breaches[i] = seen + 1
        self.counter = min(self.counter, _CAP)
        self.checksum = min(self.checksum, _CAP)
        self.payload = min(self.payload, _VALUES_MOST)
        return self.counter + self.checksum + self.payload

    def miscounted(self, at, got):
        # What a wrong count is worth: less where a few frames may be lost.
        table = self.table
        size = table[at + 6] - table[at + 5] + 1
        got %= size
        step = table[at + 4]
        if got == step % size or got == 2 * step % size or got == 3 * step % size:
            return table[at + 7] >> 1 << 4
        return table[at + 1] << 2

    def worse(self, part, most, check, want, got, bits):
        # What a part is worth with one more breach; the worst is kept for words.
        if bits <= most:
            return most
        worst = self.worst
        part *= 3
        worst[part] = check
        worst[part + 1] = want
        worst[part + 2] = got
        return bits
