# A frame of the order of ids in native code; the integers are those of `follow` in order.py, which says what the numbers in
# `state` and `tables` are. Nothing negative is ever in them.
import micropython


@micropython.viper
def follow(now: ptr32, octets: ptr8, state: ptr32, tables: ptr8) -> int:  # noqa: ARG001 - every detector is called so
    slot = now[20]
    n = now[1]
    full = state[0] + 1
    state[0] = full
    if slot < n:
        # of each id: frames, its partners' frames when it was seen last, classes of its last runs
        counts = ptr8(int(tables) + 24 * n)
        then = ptr8(int(counts) + n + 3 * slot)
        counts[slot] = counts[slot] + 1
        row = ptr8(int(tables) + 24 * slot)
        if row[0] | row[1] << 8 != slot:
            at = 4 * n + slot
            before = counts[at]
            classes = 0
            least = 16
            told = 0
            told_run = 0
            j = 0
            while j < 6:
                last = counts[row[0] | row[1] << 8]
                run = last - then[0] & 255
                then[0] = last
                kind = run - row[2]
                if kind < 0:
                    kind = 0
                if kind > 2:
                    kind = 2
                classes |= kind << j
                if before < 63:
                    kind += 3 * (before >> j & 3)
                    kind = row[3 + (kind >> 1)] >> ((kind & 1) << 2) & 15
                    if kind < least:
                        least = kind
                        told = j
                        told_run = run
                then = ptr8(int(then) + 1)
                row = ptr8(int(row) + 8)
                j += 2
            if before == 255:
                classes = 63
            counts[at] = classes
            if before < 63:
                worth = state[7 + least]
                state[2] = state[2] + worth
                if worth > state[3]:
                    state[3] = worth
                    state[4] = slot
                    state[5] = told_run
                    state[6] = told << 1 | before >> told & 3
    if full >= state[1]:
        return 1
    return 0
