# The k nearest neighbours. The layout of KNNS is in the host's canbean.tiny.neighbours.
import struct
from array import array

try:
    from .neighbours_viper import nearest as native
except Exception:
    # as in dense.py: no native code here
    native = None

FAR = 0x3FFFFFFF


class Neighbours:
    # `kernel` None takes the plain loop
    def __init__(self, section, kernel=native):
        self.kernel = kernel
        self.section = section
        self.count, self.features, self.k = struct.unpack_from("<HBB", section)
        end = 4 + 4 * self.count
        size = 2 * self.count * self.features
        if not 0 < self.k <= self.count or not size or end + (size + 3 & ~3) != len(section):
            raise ValueError("section KNNS does not hold what it says")
        self.targets = array("i", bytes(section[4:end]))
        if kernel is None:
            self.points = array("h", bytes(section[end : end + size]))
        # native code reads points as 32768 more than they are
        self.offset = 0 if kernel is None else 32768
        self.query = array("h" if kernel is None else "i", bytes(4 * self.features))
        # the k nearest so far, nearest first
        self.distance = array("i", bytes(4 * self.k))
        self.nearest = array("i", bytes(4 * self.k))

    def predict(self, x):
        query, k, offset = self.query, self.k, self.offset
        for i in range(self.features):
            query[i] = (x[i] + 8 >> 4) + offset
        if self.kernel is None:
            total = self.plain()
        else:
            total = self.kernel(query, self.section, self.distance, self.nearest)
        return (2 * total + k) // (2 * k)

    def plain(self):
        # one by one: MicroPython makes a tuple of four at once
        points, query = self.points, self.query
        distance, nearest = self.distance, self.nearest
        features, k = self.features, self.k
        for i in range(k):
            distance[i] = FAR
        last = k - 1
        at = 0
        for p in range(self.count):
            total = 0
            for i in range(features):
                difference = query[i] - points[at]
                total += difference * difference
                at += 1
            if total < distance[last]:
                i = last
                while i > 0 and total < distance[i - 1]:
                    distance[i] = distance[i - 1]
                    nearest[i] = nearest[i - 1]
                    i -= 1
                distance[i] = total
                nearest[i] = p
        total = 0
        for i in range(k):
            total += self.targets[nearest[i]]
        return total
