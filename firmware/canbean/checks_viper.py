# Whether a payload is as usual by its id's checks, in native code: then what `Checks.frame` in checks.py would keep of it is
# kept, and 0 returned. Else nothing is kept, and `frame` does all of it. checks.py says what the numbers are.
import micropython


# given: slot, DLC code, ids of the fingerprint, ids here, checks
@micropython.viper
def usual(data: ptr8, given: ptr32, halves: ptr16, tables: ptr8) -> int:
    ids = given[3]
    end = given[4] << 3
    # number of the id's row
    codes = ptr8(int(tables) + end + given[5])
    i = codes[given[0]]
    if i == 0:
        return 0
    i -= 1
    codes = ptr8(int(codes) + given[2] + 1)
    if codes[i] != given[1]:
        return 0
    known = codes[ids + i]
    last = ptr8(int(codes) + 2 * ids + 8 * i)
    check = halves[i]
    runs = ptr16(int(halves) + (ids + 1 << 1))
    fresh = ptr16(int(runs) + (given[4] << 1))
    while check < halves[i + 1]:
        row = ptr8(int(tables) + (check << 3))
        kind = row[0]
        shape = row[3]
        length = shape & 31
        mask = (1 << length) - 1
        # `value` of payload.py, before and now
        before = 0
        got = 0
        p = last
        n = 0
        while n < 2:
            k = row[2] >> 3
            have = 8 - (row[2] & 7)
            before = got
            got = p[k] >> 8 - have
            while have < length:
                if shape & 128:
                    k -= 1
                else:
                    k += 1
                got |= p[k] << have
                have += 8
            got &= mask
            p = data
            n += 1
        if kind == 1:
            # `checksum` of payload.py
            family = row[4] & 15
            n = row[5] & 15
            have = row[5] >> 4
            k = row[2] >> 3
            want = 0
            if family >= 3:
                p = ptr8(int(tables) + end + (row[6] << 8))
                while n <= have:
                    if n != k:
                        want = p[want ^ data[n]]
                    n += 1
                n = row[4] >> 4
                while n:
                    want = p[want]
                    n -= 1
                want ^= row[7]
            else:
                while n <= have:
                    b = data[n]
                    if n == k:
                        b &= 255 ^ (mask << (row[2] & 7))
                    if mask < 255:
                        if family == 0:
                            b = b & 15 ^ b >> 4
                        else:
                            b = (b & 15) + (b >> 4)
                    if family == 0:
                        want ^= b
                    else:
                        want += b
                    n += 1
                if family == 0:
                    want ^= row[7]
                elif family == 1:
                    want = row[7] + want & mask
                else:
                    want = row[7] - want & mask
            if got != want:
                return 1
        elif kind == 3:
            if got - (row[4] | row[5] << 8) & mask > row[6] | row[7] << 8:
                return 1
        elif kind == 0:
            low = row[5]
            n = row[6] - low + 1
            want = before - low + row[4]
            while want >= n:
                want -= n
            while want < 0:
                want += n
            if known and got != want + low and not (row[7] & 1 and got == before):
                return 1
        elif kind == 2:
            n = 1 << length - 1
            got = (got - before + n & mask) - n
            if got < 0:
                got = 0 - got
            if known and got > row[4] | row[5] << 8:
                return 1
        else:
            n = 0
            if got == before:
                n = runs[check] + 1
                if n > 32767:
                    n = 32767
            fresh[check] = n
            if known and n > row[4] and got != 0 and got != row[6] | row[7] << 8:
                return 1
        check += 1
    if known:
        check = halves[i]
        while check < halves[i + 1]:
            runs[check] = fresh[check]
            check += 1
    codes[ids + i] = 1
    k = 0
    while k < 8:
        last[k] = data[k]
        k += 1
    return 0
