# The front end of a model: integer readings to features, 4096 to one standard deviation.
# The layout of FEAT is in the host's canbean.tiny.features.
import struct

from .fixed import log2_q12, requantize

READING_LIMIT = 0xFFFFFFF
ROW = "<BBBBHHiii"


class Features:
    def __init__(self, section):
        count = section[0] | section[1] << 8
        size = struct.calcsize(ROW)
        self.rows = [struct.unpack_from(ROW, section, 4 + size * i) for i in range(count)]
        self.channels = count
        self.decimals = tuple([row[0] for row in self.rows])
        # what follows belongs to others
        self.size = 4 + size * count

    # `out` is array("h", channels)
    def apply(self, readings, out):
        for i in range(self.channels):
            _, log, pre, shift, m1, m0, offset, limit, zero_point = self.rows[i]
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
