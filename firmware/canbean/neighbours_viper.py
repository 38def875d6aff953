# The nearest neighbours in native code, one call a prediction; the integers are those of neighbours.py.
import micropython


# query: 32768 + each feature in 1/256, 32 bits each; p: the section, in RAM; best, which: distances and numbers of
# the k nearest, 32 bits each. Returns the sum of their targets.
@micropython.viper
def nearest(query: ptr32, p: ptr16, best: ptr32, which: ptr32) -> int:
    count = p[0]
    end = int(query) + ((p[1] & 0xFF) << 2)
    k = p[1] >> 8
    targets = ptr32(int(p) + 4)
    start = int(query)
    for i in range(k):
        best[i] = 0x3FFFFFFF
    p = ptr16(int(targets) + (count << 2))
    n = 0
    while n < count:
        query = ptr32(start)
        total = 0
        while int(query) != end:
            # 16 bits with a sign are 32768 less than the same bits with the highest turned over
            difference = query[0] - (p[0] ^ 0x8000)
            total += difference * difference
            query = ptr32(int(query) + 4)
            p = ptr16(int(p) + 2)
        i = k - 1
        if total < best[i]:
            while i > 0 and total < best[i - 1]:
                best[i] = best[i - 1]
                which[i] = which[i - 1]
                i -= 1
            best[i] = total
            which[i] = n
        n += 1
    total = 0
    for i in range(k):
        total += targets[which[i]]
    return (total & 0x3FFFFFFF ^ 0x20000000) - 0x20000000
