# The dense layer in native code, one call a layer; the integers are those of the plain loop in dense.py.
# They are the same where viper's integers wrap at 32 bits and where they have 64 and a ptr32 reads without a sign:
# a number read with 32 bits is only added and multiplied until its sign is put back from its lowest 30 bits.
import micropython


# x: the inputs, 32 bits each; w: the section, in RAM, for an ESP8266 reads single bytes from nowhere else;
# acc: where the layer begins in it; y: the outputs, 32 bits each. Returns where the layer ends.
# x, w and acc come first because only the first three locals are registers.
@micropython.viper
def layer(x: ptr32, w: ptr8, acc: int, y: ptr32) -> int:
    start = int(w)
    bias = ptr32(start + acc)
    given = int(x)
    outputs = bias[0] >> 16
    inputs = bias[0] & 0xFFFF
    end = given + (inputs << 2)
    eights = given + ((inputs & -8) << 2)
    zero_out = (bias[2] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
    low = (bias[3] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
    high = (bias[4] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
    bias = ptr32(int(bias) + 20)
    m1 = ptr16(int(bias) + (outputs << 2))
    half = (outputs << 1) + 3 & -4
    m0 = ptr16(int(m1) + half)
    shift = ptr8(int(m0) + half)
    w = ptr8(int(shift) + (outputs + 3 & -4))
    # of each weight 128 is taken off
    total = 0
    while int(x) != end:
        total += x[0] << 7
        x = ptr32(int(x) + 4)
    y_end = int(y) + (outputs << 2)
    while int(y) != y_end:
        x = ptr32(given)
        acc = bias[0] - total
        while int(x) != eights:
            acc += x[0] * w[0]
            acc += x[1] * w[1]
            acc += x[2] * w[2]
            acc += x[3] * w[3]
            acc += x[4] * w[4]
            acc += x[5] * w[5]
            acc += x[6] * w[6]
            acc += x[7] * w[7]
            x = ptr32(int(x) + 32)
            w = ptr8(int(w) + 8)
        while int(x) != end:
            acc += x[0] * w[0]
            x = ptr32(int(x) + 4)
            w = ptr8(int(w) + 1)
        acc = (acc & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
        # requantize of fixed.py
        ah = acc >> 15
        al = acc & 0x7FFF
        t = al * m1[0] + (al * m0[0] >> 15)
        acc += ah * m1[0] + (t >> 15) + (ah * m0[0] + (t & 0x7FFF) >> 15)
        acc = zero_out + ((acc >> shift[0] - 31) + 1 >> 1)
        if acc < low:
            acc = low
        if acc > high:
            acc = high
        y[0] = acc
        y = ptr32(int(y) + 4)
        bias = ptr32(int(bias) + 4)
        m1 = ptr16(int(m1) + 2)
        m0 = ptr16(int(m0) + 2)
        shift = ptr8(int(shift) + 1)
    return int(w) - start + 3 & -4
