# A sensor's counts to reflectances in thousandths of a percent, by the calibration of this unit.
# The host's canbean.roast.calibration gives the same integers and says what the words are; calibrated.py reads them.


class Reflectance:
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
