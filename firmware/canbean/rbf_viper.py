# Radial basis functions in native code, one call a prediction; the integers are those of the plain loop in rbf.py.
import micropython


# x: the features, 16 bits each, with room for as many again and, behind those, the table of powers; p: the section,
# in RAM; acc: the number of features; out: the scores. Returns the first.
# x, p and acc come first because only the first three locals are registers.
@micropython.viper
def kernel(x: ptr16, p: ptr16, acc: int, out: ptr32) -> int:
    count = p[0]
    outputs = p[1] >> 8
    coarse = p[2] & 0xFF
    shift = p[2] >> 8
    guard = p[3] & 0xFF
    exponent_shift = (p[3] >> 8) - 31
    m1 = p[4]
    m0 = p[5]
    bias = ptr32(int(p) + 12)
    weight = ptr16(int(bias) + (outputs << 2))
    half = 1 << coarse >> 1
    start = int(x) + (acc << 1)
    query = ptr16(start)
    for i in range(acc):
        # 32768 more than it is: what a pointer reads has no sign
        query[i] = ((x[i] ^ 0x8000) - 0x8000 + half >> coarse) + 0x8000
    end = start + (acc << 1)
    table = ptr16(end)
    for o in range(outputs):
        out[o] = bias[o]
    half = 1 << shift >> 1
    p = ptr16(int(weight) + ((count * outputs << 1) + 3 & -4))
    n = 0
    while n < count:
        n += 1
        acc = 0
        x = ptr16(start)
        while int(x) != end:
            difference = x[0] - (p[0] ^ 0x8000)
            acc += difference * difference
            x = ptr16(int(x) + 2)
            p = ptr16(int(p) + 2)
        # requantize of fixed.py, of what is not negative
        high = acc >> 15
        low = acc & 0x7FFF
        t = low * m1 + (low * m0 >> 15)
        acc += high * m1 + (t >> 15) + (high * m0 + (t & 0x7FFF) >> 15)
        acc = (acc >> exponent_shift) + 1 >> 1
        if acc > 983039:
            acc = 983039
        # exp2_q of rbf.py
        i = acc >> 9 & 63
        t = table[i]
        t -= (t - table[i + 1]) * (acc & 511) + 256 >> 9
        i = acc >> 15
        acc = t + (1 << i >> 1) >> i
        o = 0
        while o < outputs:
            out[o] = out[o] + (acc * ((weight[0] ^ 0x8000) - 0x8000) + half >> shift)
            weight = ptr16(int(weight) + 2)
            o += 1
    half = 1 << guard >> 1
    for o in range(outputs):
        # the sign is put back from the lowest 30 bits
        out[o] = (out[o] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000 + half >> guard
    return (out[0] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
