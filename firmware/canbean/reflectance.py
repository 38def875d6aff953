# A sensor's counts to reflectances in thousandths of a percent, by the calibration of this unit.
# The host's canbean.roast.calibration gives the same integers and says what the words are.
from array import array


class Reflectance:
    # `words`: DATE UNIT T0, then zero gain alpha empty of each channel
    def __init__(self, words):
        self.at = None
        if len(words) > 2 and words[2] != "-":
            self.at = int(words[2])
        self.table = t = array("i", [int(word) for word in words[3:]])
        n = len(t)
        good = n and n & 3 == 0 and -800 <= (self.at or 0) <= 2400
        for i in range(0, n & -4, 4):
            good &= (
                abs(t[i]) >> 24 == 0 < t[i + 1] < 1 << 24 and abs(t[i + 2]) <= 15000 and t[i + 3] >> 20 == 0
            )
        if not good:
            raise ValueError("the calibration cannot be: calibrate again")
        self.empty = array("i", bytes(n))
        self.apply([t[i + 3] for i in range(0, n, 4)], self.at, self.empty)

    # `celsius16`: 1/16 degrees of the die or None; counts within +-2**20
    def apply(self, counts, celsius16, out):
        t = self.table
        warm = 0
        if self.at is not None and celsius16 is not None:
            warm = max(-1600, min(self.at - celsius16, 1600))
        for i in range(len(t) >> 2):
            # exp(alpha * warm) to the fourth order, in 1/32768
            x = max(-16384, min(t[4 * i + 2] * warm * 32 // 15625, 16384))
            f = 32768
            for k in (4, 3, 2, 1):
                f = 32768 + (x * f >> 15) // k
            n = counts[i]
            # 1/16 counts times gain, in two halves each
            n = (n >> 12) * f * 2 + ((n & 4095) * f >> 11) - t[4 * i]
            g = t[4 * i + 1]
            high = n >> 12
            n &= 4095
            low = g & 4095
            g >>= 12
            out[i] = high * g * 4 + (high * low + n * g + (n * low >> 12) + 512 >> 10)
