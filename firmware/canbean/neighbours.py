# The k nearest neighbours. The layout of KNNS is in the host's canbean.tiny.neighbours.
import struct
from array import array

FAR = 0x3FFFFFFF


class Neighbours:
    def __init__(self, section):
        self.count, self.features, self.k = struct.unpack_from("<HBB", section)
        end = 4 + 4 * self.count
        self.targets = array("i", section[4:end])
        self.points = array("h", section[end : end + 2 * self.count * self.features])
        if (
            not self.features
            or not 0 < self.k <= self.count
            or len(self.points) != self.count * self.features
        ):
            raise ValueError("section KNNS does not hold what it says")
        self.query = array("h", bytes(2 * self.features))
        # the k nearest so far, nearest first
        self.distance = array("i", bytes(4 * self.k))
        self.nearest = array("H", bytes(2 * self.k))

    def predict(self, x):
        # one by one: MicroPython makes a tuple of four at once
        points, query = self.points, self.query
        distance, nearest = self.distance, self.nearest
        features, k = self.features, self.k
        for i in range(features):
            query[i] = x[i] + 8 >> 4
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
        return (2 * total + k) // (2 * k)
