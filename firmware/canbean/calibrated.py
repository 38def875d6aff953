# The words of a setting `calibration`, checked, as what counts are brought to reflectances by; the code leaves the heap.
from array import array

from .reflectance import Reflectance


# `words`: DATE UNIT T0, then zero gain alpha empty of each channel
def reflectance(words):
    one = Reflectance()
    one.at = None
    if len(words) > 2 and words[2] != "-":
        one.at = int(words[2])
    one.table = t = array("i", [int(word) for word in words[3:]])
    n = len(t)
    good = n and n & 3 == 0 and -800 <= (one.at or 0) <= 2400
    for i in range(0, n & -4, 4):
        good &= abs(t[i]) >> 24 == 0 < t[i + 1] < 1 << 24 and abs(t[i + 2]) <= 15000 and t[i + 3] >> 20 == 0
    if not good:
        raise ValueError("the calibration cannot be: calibrate again")
    one.empty = array("i", bytes(n))
    one.apply([t[i + 3] for i in range(0, n, 4)], one.at, one.empty)
    return one
