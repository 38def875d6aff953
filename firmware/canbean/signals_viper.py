# A frame of the signals in native code, and their values when a sample is due; the integers are those of `follow` in
# signals_plain.py, and signals.py says what the numbers in `state` and `tables` are. What is read is not negative, or -1,
# which is known by its bit 30.
import micropython


@micropython.viper
def follow(now: ptr32, octets: ptr8, state: ptr32, tables: ptr8) -> int:
    s = now[16]
    us = now[17]
    i = now[20]
    n = now[1]
    ids = state[3]
    seen = ptr32(int(state) + 24)
    last = ptr32(int(seen) + (ids << 2))
    data = ptr8(int(tables) + n)
    if i < n:
        i = tables[i]
        if i > 0:
            i -= 1
            k = data[i]
            if now[19] >= k:
                seen[i] = s
                last[i] = us
                to = ptr8(int(data) + ids + (i << 3))
                while k > 0:
                    k -= 1
                    to[k] = octets[k]
    period = state[2]
    since = -1
    if not state[0] >> 30 & 1:
        since = s - state[0]
        if since >= 1000:
            since = 1000000000
        elif since >= 0:
            since = since * 1000000 + us - state[1]
    if since >= 0 and since < period:
        return 0
    if since < 0 or since >= 2 * period:
        state[0] = s
        state[1] = us
        if since < 0:
            return 0
    else:
        k = state[1] + period
        i = state[0]
        while k >= 1000000:
            k -= 1000000
            i += 1
        state[0] = i
        state[1] = k
    # `take`
    state[5] = 0
    stale = ptr32(int(last) + (ids << 2))
    i = 0
    while i < ids:
        if seen[i] >> 30 & 1:
            return 1
        since = s - seen[i]
        if since >= 1000:
            since = 1000000000
        elif since >= 0:
            since = since * 1000000 + us - last[i]
        if since > stale[i]:
            return 1
        i += 1
    values = ptr32(int(stale) + (ids << 2))
    data = ptr8(int(data) + ids)
    row = ptr8(int(data) + (ids << 3))
    i = state[4]
    while i > 0:
        i -= 1
        where = row[1]
        bits = row[2]
        k = (row[3] << 3) + row[0]
        since = data[k] >> (where & 7)
        n = 8 - (where & 7)
        while n < bits:
            if where & 8:
                k -= 1
            else:
                k += 1
            since |= data[k] << n
            n += 8
        since &= (1 << bits) - 1
        if where & 16 and since >> bits - 1:
            since -= 1 << bits
        values[0] = since
        values = ptr32(int(values) + 4)
        row = ptr8(int(row) + 4)
    state[5] = 1
    return 1
