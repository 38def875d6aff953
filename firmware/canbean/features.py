# The front end of a model: integer readings to features, 4096 to one standard deviation.
# The layout of FEAT is in the host's canbean.tiny.features.
import struct
from array import array

from .fixed import LOG2, log2_q12, requantize

try:
    from .features_viper import apply as native
except Exception:
    # as in dense.py: no native code here
    native = None

READING_LIMIT = 0xFFFFFFF
ROW = "<BBhHHi"


class Features:
    # `kernel` None takes the plain loop
    def __init__(self, section, kernel=native):
        count = section[0] | section[1] << 8
        # what follows belongs to others
        self.size = 4 + 12 * count
        # native code checks no index, and nothing takes memory before
        if not 0 < count < 64 or len(section) < self.size:
            raise ValueError("section FEAT does not hold what it says")
        for at in range(5, self.size, 12):
            if not 2 <= section[at] <= 62:
                raise ValueError("section FEAT has a scale that no packer makes")
        self.section = section
        self.kernel = kernel
        self.channels = count
        self.decimals = tuple([section[at] & 127 for at in range(4, self.size, 12)])
        # whoever writes the readings here, within +-2**28, spares `apply` to copy them
        self.given = array("i", bytes(4 * count) + (LOG2 + b"\0\0" if kernel else b""))
        if kernel is None:
            self.rows = []
            for at in range(4, self.size, 12):
                kind, shift, zero_point, m1, m0, offset = struct.unpack_from(ROW, section, at)
                pre = max(0, 31 - shift)
                self.rows.append((kind >> 7, pre, shift + pre, m1, m0, offset, 0x1FFFFFFF >> pre, zero_point))

    # `out` is an array of as many features, of `width` bytes each: "h" or "i"
    def apply(self, readings, out, width=2):
        if self.kernel:
            self._native(readings, out, width)
            return
        rows = self.rows
        for i in range(self.channels):
            log, pre, shift, m1, m0, offset, limit, zero_point = rows[i]
            x = readings[i]
            if x > READING_LIMIT:
                x = READING_LIMIT
            elif x < -READING_LIMIT:
                x = -READING_LIMIT
            if log:
                x = log2_q12(x if x > 0 else 1)
            x -= offset
            if x > limit:
                x = limit
            elif x < -limit:
                x = -limit
            out[i] = requantize(x << pre, m1, m0, shift, zero_point, -32767, 32767)

    def _native(self, readings, out, width):
        given = self.given
        if readings is not given:
            for i in range(self.channels):
                x = readings[i]
                if x > READING_LIMIT:
                    x = READING_LIMIT
                elif x < -READING_LIMIT:
                    x = -READING_LIMIT
                given[i] = x
        self.kernel(given, self.section, out, width)
