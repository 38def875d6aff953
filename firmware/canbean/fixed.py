# Integer arithmetic that stays within -2**30..2**30-1: no big integer, nothing allocated.
# The host's canbean.tiny.fixed gives the same answers.
from .bucket import floor_log2

# log2(1 + i/64) in 1/32768 as little-endian 16-bit numbers, i = 0..64
LOG2 = (
    b"\x00\x00\xdd\x02\xaf\x05\x76\x08\x32\x0b\xe4\x0d\x8c\x10\x2b\x13\xc0\x15\x4c\x18\xcf\x1a\x4a\x1d\xbc\x1f"
    b"\x26\x22\x88\x24\xe2\x26\x35\x29\x80\x2b\xc4\x2d\x01\x30\x37\x32\x67\x34\x90\x36\xb2\x38\xcf\x3a\xe5\x3c"
    b"\xf5\x3e\xff\x40\x04\x43\x03\x45\xfd\x46\xf1\x48\xe0\x4a\xca\x4c\xaf\x4e\x8f\x50\x6a\x52\x40\x54\x12\x56"
    b"\xdf\x57\xa8\x59\x6c\x5b\x2c\x5d\xe8\x5e\xa0\x60\x54\x62\x04\x64\xaf\x65\x57\x67\xfc\x68\x9c\x6a\x39\x6c"
    b"\xd2\x6d\x68\x6f\xfa\x70\x89\x72\x15\x74\x9d\x75\x22\x77\xa4\x78\x23\x7a\x9f\x7b\x18\x7d\x8d\x7e\x00\x80"
)


# clamp(zero_point + ((acc * m + 2**(shift-1)) >> shift)) with m = 2**30 + m1 * 2**15 + m0, for |acc| < 2**29
# and shift >= 31. With acc = ah * 2**15 + al the sum of the limb products shifted by 30 is taken limb by limb.
def requantize(acc, m1, m0, shift, zero_point, low, high):
    ah = acc >> 15
    al = acc & 0x7FFF
    t = al * m1 + (al * m0 >> 15)
    # floor(acc * m / 2**30), then half up: (q + 2**r) >> (r + 1) == ((q >> r) + 1) >> 1
    q = acc + ah * m1 + (t >> 15) + (ah * m0 + (t & 0x7FFF) >> 15)
    q = zero_point + ((q >> shift - 31) + 1 >> 1)
    if q < low:
        return low
    if q > high:
        return high
    return q


# The binary logarithm of 0 < x < 2**30 in 1/4096 octave.
def log2_q12(x):
    e = floor_log2(x)
    f = x >> e - 18 if e > 18 else x << 18 - e
    i = (f >> 12 & 63) << 1
    start = LOG2[i] | LOG2[i + 1] << 8
    step = (LOG2[i + 2] | LOG2[i + 3] << 8) - start
    return (e << 12) + (start + (step * (f & 4095) + 2048 >> 12) + 4 >> 3)
