# The front end in native code, one call for all channels; the integers are those of the plain loop in features.py.
import micropython


# x: the readings within +-2**28, 32 bits each, behind them the table of logarithms; p: the section, in RAM;
# out: the features; step: how many bytes one of them takes, 2 or 4. Returns how many there are.
# x, p and out come first because only the first three locals are registers.
@micropython.viper
def apply(x: ptr32, p: ptr16, out: ptr16, step: int) -> int:
    count = p[0]
    table = ptr16(int(x) + (count << 2))
    p = ptr16(int(p) + 4)
    n = 0
    while n < count:
        n += 1
        # signs are put back from the lowest 30 or 16 bits
        acc = (x[0] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
        if acc > 0xFFFFFFF:
            acc = 0xFFFFFFF
        if acc < -0xFFFFFFF:
            acc = -0xFFFFFFF
        if p[0] & 128:
            # log2_q12 of fixed.py
            if acc < 1:
                acc = 1
            e = 0
            f = acc
            while f > 1:
                f >>= 1
                e += 1
            if e > 18:
                f = acc >> e - 18
            else:
                f = acc << 18 - e
            i = f >> 12 & 63
            t = table[i]
            t += (table[i + 1] - t) * (f & 4095) + 2048 >> 12
            acc = (e << 12) + (t + 4 >> 3)
        offset = ptr32(int(p) + 8)
        acc -= (offset[0] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
        shift = p[0] >> 8
        pre = 0
        if shift < 31:
            pre = 31 - shift
            shift = 31
        limit = 0x1FFFFFFF >> pre
        if acc > limit:
            acc = limit
        if acc < 0 - limit:
            acc = 0 - limit
        acc <<= pre
        # requantize of fixed.py
        m1 = p[2]
        m0 = p[3]
        ah = acc >> 15
        al = acc & 0x7FFF
        t = al * m1 + (al * m0 >> 15)
        acc += ah * m1 + (t >> 15) + (ah * m0 + (t & 0x7FFF) >> 15)
        acc = (p[1] ^ 0x8000) - 0x8000 + ((acc >> shift - 31) + 1 >> 1)
        if acc > 32767:
            acc = 32767
        if acc < -32767:
            acc = -32767
        out[0] = acc
        if step > 2:
            out[1] = acc >> 16
        out = ptr16(int(out) + step)
        x = ptr32(int(x) + 4)
        p = ptr16(int(p) + 12)
    return count
