# A frame record scored in native code, one call a frame; the integers are those of `judge` in bus.py; fingerprint.py says
# what the numbers in `now`, `halves` and `octets` are. Where viper's integers have 64 bits a ptr32 reads without a sign: what
# is read are keys, times and counts below 2**30, and -1, which is known by its bit 30.
import micropython


@micropython.viper
def judge(records: ptr8, now: ptr32, halves: ptr16, octets: ptr8) -> int:
    records = ptr8(int(records) + now[0])
    if records[10] > 127:
        return 1 << 19
    n = now[1]
    s = records[0] | records[1] << 8 | records[2] << 16 | (records[3] & 63) << 24
    us = records[4] | records[5] << 8 | (records[6] & 15) << 16
    key = records[7] | records[8] << 8 | records[9] << 16 | (records[10] & 63) << 24
    code = records[6] >> 4
    now[16] = s
    now[17] = us
    now[18] = key
    now[19] = code
    j = code
    if j < now[7]:
        j = now[7]
    k = 0
    while k < 8:
        octets[k] = records[k + 11] & (k - j >> 8)
        k += 1
    # its place among the ids
    i = 0
    k = n
    while i < k:
        j = i + k >> 1
        if now[j + 32] < key:
            i = j + 1
        else:
            k = j
    if i < n and now[i + 32] != key:
        i = n
    now[20] = i
    slot = i
    if i == n:
        slot += (key ^ key >> 7 ^ key >> 13 ^ key >> 21) & 15
    # `follow` of bus.py
    bits = 0
    j = now[8]
    now[8] = j + 1 & 31
    k = 32 + 6 * n
    last = ptr32(int(now) + (k + (j - 1 & 31) << 2))
    e = 1 << 29
    if not last[0] >> 30 & 1:
        # `elapsed` of bus.py, 1 << 29 for what saturates
        e = s - last[0]
        if e >= 1000:
            e = 1000000000
        elif e >= 0:
            e = e * 1000000 + us - last[32]
        if e < now[2]:
            e = -1
    if e >= 0:
        bits = 1 << 18
        now[11] = s
        last = ptr32(int(now) + (32 + 2 * n << 2))
        e = n
        while e:
            last[0] = -1
            last = ptr32(int(last) + 12)
            e -= 1
    last = ptr32(int(now) + (k + j << 2))
    j += 13 * n
    k = 8 + 24 * n
    now[14] = 0
    if not last[0] >> 30 & 1:
        e = k + halves[j]
        octets[e] = octets[e] - 1
        e = s - last[0]
        if 0 <= e and e < 1000:
            e = e * 1000000 + us - last[32]
            if 0 <= e and e < now[3]:
                now[14] = 1
                now[12] = s
                now[13] = us
    last[0] = s
    last[32] = us
    halves[j] = slot
    k += slot
    e = octets[k] + 1
    octets[k] = e
    now[15] = e
    rate = 0
    if e > now[4]:
        rate = now[5]
    now[22] = rate
    scored = now[10] + 1 & 0x3FFFFFFF
    now[10] = scored
    if i == n:
        bits += 1 << 16
        now[21] = 0
        now[23] = 0
        now[24] = 0
        now[25] = 0
    else:
        # `known` of bus.py
        now[32 + 5 * n + i] = scored
        last = ptr32(int(now) + (32 + 2 * n + 3 * i << 2))
        record = ptr16(int(halves) + 24 * i)
        gap = -1
        span = -1
        if not last[0] >> 30 & 1:
            e = s - last[0]
            if e >= 1000:
                gap = 1000000000
            elif e >= 0:
                gap = e * 1000000 + us - last[1]
                if gap < 0:
                    gap = -1
            if gap >= 0 and not last[2] >> 30 & 1:
                span = gap + last[2]
                if span > 1000000000:
                    span = 1000000000
        last[0] = s
        last[1] = us
        last[2] = gap
        now[26] = span
        timing = 0
        if gap >= 0 and now[14] == 0:
            # of gap and span the one that is shorter of its edge
            j = 2
            while j < 4:
                if gap >= 0:
                    # `bucket` of bucket.py
                    e = 0
                    k = gap
                    while k > 1:
                        k >>= 1
                        e += 1
                    if e > 6:
                        k = gap >> e - 6
                    else:
                        k = gap << 6 - e
                    e = record[j] - (e << 6) - (k & 63)
                    if e > timing:
                        timing = e
                gap = span
                j += 1
            if timing > 0:
                timing = record[4] + (timing * record[5] >> 6)
                if timing > record[6]:
                    timing = record[6]
        now[23] = timing
        e = 0
        if not record[0] >> code & 1:
            e = now[6]
        now[24] = e
        timing += rate + e
        wrong = 0
        # bytes of the payload against their masks, lowest and highest values
        p = ptr8(int(octets) + 8 + 24 * i)
        k = 0
        while k < 8:
            e = octets[k]
            j = p[8]
            if (e ^ j) & p[0] or e < j or e > p[16]:
                if wrong == 0:
                    now[27] = k
                wrong += 1
            p = ptr8(int(p) + 1)
            k += 1
        if wrong > 0:
            j = 12 * n + i
            k = halves[j]
            if k < 32767:
                halves[j] = k + 1
            gap = 2 * k + 1
            k = gap
            e = 0
            while k > 1:
                k >>= 1
                e += 1
            if e > 6:
                k = gap >> e - 6
            else:
                k = gap << 6 - e
            wrong = record[1] + 16 * (wrong - 1) - ((e << 6) + (k & 63) >> 2)
            if wrong < 0:
                wrong = 0
        now[25] = wrong
        timing += wrong
        e = 0
        if record[11] and record[11] <= s - now[11]:
            e = 1024
        now[21] = e
        timing += e
        if timing > 1023:
            timing = 1023
        bits += timing
    # one id a frame is asked whether it is late
    i = now[9]
    j = i + 1
    if j == n:
        j = 0
    now[9] = j
    last = ptr32(int(now) + (32 + 2 * n + 3 * i << 2))
    if not last[0] >> 30 & 1 and not now[32 + 5 * n + i] >> 30 & 1:
        gap = s - last[0]
        if gap >= 1000:
            gap = 1000000000
        elif gap >= 0:
            gap = gap * 1000000 + us - last[1]
        # waiting counts from the end of a crowd
        k = gap
        if not now[12] >> 30 & 1:
            k = s - now[12]
            if k >= 1000:
                k = 1000000000
            elif k >= 0:
                k = k * 1000000 + us - now[13]
            if k > gap:
                k = gap
        if k > now[32 + n + i]:
            now[28] = i
            now[29] = gap
            bits += 1 << 17
    return bits
