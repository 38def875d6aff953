# A frame of a window's totals in native code; the integers are those of `follow` in windows_plain.py, and windows.py says what
# the numbers in `state` and `tables` are. What is read is not negative, or -1, which is known by its bit 30.
import micropython


@micropython.viper
def follow(now: ptr32, octets: ptr8, state: ptr32, tables: ptr8) -> int:
    s = now[16]
    us = now[17]
    n = now[1]
    slot = now[20]
    since = -1
    if not state[1] >> 30 & 1:
        since = s - state[1]
        if since >= 1000:
            since = 1000000000
        elif since >= 0:
            since = since * 1000000 + us - state[2]
        if since >= state[0]:
            return 1
    counts = ptr8(int(tables) + n)
    if since < 0:
        state[1] = s
        state[2] = us
        state[3] = s
        state[4] = us
        k = 5
        while k < 11:
            state[k] = 0
            k += 1
        k = 0
        while k < n:
            counts[k] = 0
            k += 1
    since = s - state[3]
    if since >= 1000:
        since = 1000000000
    elif since >= 0:
        since = since * 1000000 + us - state[4]
    if since > state[7]:
        state[7] = since
    state[3] = s
    state[4] = us
    state[5] = state[5] + 1
    if slot < n:
        state[10] = state[10] + 1
        k = counts[slot]
        if k == 0:
            state[6] = state[6] + 1
        if k < 255:
            counts[slot] = k + 1
        flipped = tables[slot]
        k = 0
        while k < 8:
            flipped ^= octets[k]
            k += 1
        if flipped:
            tables[slot] = tables[slot] ^ flipped
            state[9] = state[9] + 1
            k = 0
            while flipped:
                k += flipped & 1
                flipped >>= 1
            state[8] = state[8] + k
    return 0
