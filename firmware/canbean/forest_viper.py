# Trees that add up in native code, one call a prediction; the integers are those of the plain loop in forest.py.
import micropython


# x: the features, 16 bits each; p: the section, in RAM; node: where its trees begin; out: the scores. Returns the first.
# x, p and node come first because only the first three locals are registers.
@micropython.viper
def forest(x: ptr16, p: ptr8, node: int, out: ptr32) -> int:
    first = int(p) + node
    outputs = p[1]
    inline = p[2] & 1
    columns = 1
    if p[2] & 2:
        columns = outputs
    shift = (p[3] ^ 0x80) - 0x80
    trees = p[4] | p[5] << 8
    bias = ptr32(int(p) + 8)
    table = int(bias) + (outputs << 2)
    for i in range(outputs):
        out[i] = 0
    p = ptr8(first)
    o = 0
    while trees > 0:
        trees -= 1
        end = int(p) + 2 + (p[0] | p[1] << 8)
        p = ptr8(int(p) + 2)
        node = p[0]
        while node < 128:
            # both sides are 32768 more than they stand for: what a pointer reads has no sign
            if node < 64:
                if (x[node] ^ 0x8000) <= (p[1] | p[2] << 8):
                    p = ptr8(int(p) + 4)
                else:
                    p = ptr8(int(p) + 4 + p[3])
            else:
                if (x[node & 63] ^ 0x8000) <= (p[1] | p[2] << 8):
                    p = ptr8(int(p) + 5)
                else:
                    p = ptr8(int(p) + 5 + (p[3] | p[4] << 8))
            node = p[0]
        if inline:
            out[o] = out[o] + ((node & 127) << 8 | p[1]) - 16384
        else:
            row = node & 63
            if node & 64:
                row = row << 8 | p[1]
            leaf = ptr16(table + (row * columns << 1))
            i = 0
            while i < columns:
                out[o + i] = out[o + i] + leaf[i] - 32768
                i += 1
        if columns < outputs:
            o += 1
            if o == outputs:
                o = 0
        p = ptr8(end)
    left = shift
    right = 0
    if shift < 0:
        left = 0
        right = 0 - shift
    half = 1 << right >> 1
    for i in range(outputs):
        # the sign is put back from the lowest 30 bits
        total = (out[i] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000 + half >> right
        start = (bias[i] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
        out[i] = (total << left) + start
    return (out[0] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
