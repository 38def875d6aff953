# Polynomials in native code, one call a prediction; the integers are those of the plain loop in polynomial.py.
# What a pointer reads has no sign everywhere: it is put back from the lowest 16 or 30 bits.
import micropython


# m: the features, 16 bits each, with room for the other monomials and, behind them, where the monomials begin that
# have no feature before the i-th; w: the section, in RAM; acc: how many monomials; out: the scores. Returns the first.
# m, w and acc come first because only the first three locals are registers.
@micropython.viper
def polynomial(m: ptr16, w: ptr16, acc: int, out: ptr32) -> int:
    start = int(m)
    stop = start + (acc << 1)
    fours = start + ((acc & -4) << 1)
    features = w[0] & 0xFF
    degree = w[0] >> 8
    shift = w[1] & 0xFF
    outputs = (w[1] >> 8) + 1
    if degree > 1:
        starts = ptr16(stop)
        for i in range(features):
            starts[i] = i
        at = end = features
        while degree > 1:
            degree -= 1
            for i in range(features):
                x = (m[i] ^ 0x8000) - 0x8000
                k = starts[i]
                starts[i] = at
                while k < end:
                    acc = x * ((m[k] ^ 0x8000) - 0x8000) + 8192 >> 14
                    if acc > 32767:
                        acc = 32767
                    if acc < -32767:
                        acc = -32767
                    m[at] = acc
                    at += 1
                    k += 1
            end = at
    half = 1 << shift >> 1
    bias = ptr32(int(w) + 4)
    w = ptr16(int(bias) + (outputs << 2))
    for i in range(outputs):
        acc = (bias[i] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
        m = ptr16(start)
        while int(m) != fours:
            acc += ((m[0] ^ 0x8000) - 0x8000) * ((w[0] ^ 0x8000) - 0x8000) + half >> shift
            acc += ((m[1] ^ 0x8000) - 0x8000) * ((w[1] ^ 0x8000) - 0x8000) + half >> shift
            acc += ((m[2] ^ 0x8000) - 0x8000) * ((w[2] ^ 0x8000) - 0x8000) + half >> shift
            acc += ((m[3] ^ 0x8000) - 0x8000) * ((w[3] ^ 0x8000) - 0x8000) + half >> shift
            m = ptr16(int(m) + 8)
            w = ptr16(int(w) + 8)
        while int(m) != stop:
            acc += ((m[0] ^ 0x8000) - 0x8000) * ((w[0] ^ 0x8000) - 0x8000) + half >> shift
            m = ptr16(int(m) + 2)
            w = ptr16(int(w) + 2)
        out[i] = acc + 8 >> 4
    return (out[0] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
