# A frame of the senders' clocks in native code; the integers are those of `follow` in drift_plain.py, and drift.py says what
# the numbers in `state` and `tables` are. Signs are put back from the lowest 30 bits: a ptr32 of 64 bits reads without.
import micropython


@micropython.viper
def follow(now: ptr32, octets: ptr8, state: ptr32, tables: ptr8) -> int:  # noqa: ARG001 - every detector is called so
    slot = now[20]
    n = now[1]
    if slot >= n:
        return 0
    k = state[0]
    j = tables[2 * k + slot]
    if j == 255:
        return 0
    gap = now[34 + 2 * n + 3 * slot]
    at = 3 + j
    error = gap - state[at]
    tolerance = state[at + k]
    state[1] = j
    if gap >> 30 & 1 or error > tolerance or error < 0 - tolerance:
        state[2] = 1
        return 1
    state[2] = 0
    at += 2 * k
    offset = (state[at] & 0x3FFFFFFF ^ 0x20000000) - 0x20000000 + (error << 8) - tables[j]
    state[at] = offset
    at += k
    state[at] = state[at] + (offset >> 8)
    at += k
    count = state[at] + 1
    state[at] = count
    if count & 127 >= tables[k + j]:
        return 1
    return 0
