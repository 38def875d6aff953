# The acceptance filters of the drivers' interface, eight keys (id | ext << 29): mask0, mask1, filter0..5, of which the
# first two filters belong to the first mask; for controllers that take pairs of id and mask.


# -> (id, mask, ext) of each different filter. A mask of 11 bits that serves a filter of 29 covers its upper bits, and the
# other way round.
def pairs(keys):
    found = []
    for i in range(2, 8):
        mask = keys[0 if i < 4 else 1]
        ext = keys[i] >> 29
        wide = mask >> 29
        mask &= 0x1FFFFFFF
        if ext and not wide:
            mask <<= 18
        elif wide and not ext:
            mask >>= 18
        limit = 0x1FFFFFFF if ext else 0x7FF
        one = keys[i] & limit, mask & limit, ext
        if one not in found:
            found.append(one)
    return found
