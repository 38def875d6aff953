# Logarithms without a table, of integers within 0..2**30-1; the twin of the host's canbean.tiny.fixed.


# The largest e with 2**e <= x, for 0 < x < 2**30.
def floor_log2(x):
    e = 0
    if x >= 65536:
        x >>= 16
        e = 16
    if x >= 256:
        x >>= 8
        e += 8
    if x >= 16:
        x >>= 4
        e += 4
    if x >= 4:
        x >>= 2
        e += 2
    return e + (x >> 1)


# Mitchell's logarithm of x < 2**30: 64 * octave + the 6 bits after the leading one; 0 for x <= 0.
def bucket(x):
    if x <= 0:
        return 0
    e = floor_log2(x)
    return (e << 6) + ((x >> e - 6 if e > 6 else x << 6 - e) & 63)
