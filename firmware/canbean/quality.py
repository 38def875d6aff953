# Whether a reading may be believed; the host's canbean.roast.quality gives the same answers and says why.
QUALITY = ("ok", "empty", "saturated", "ambient light", "not settled", "dirty window", "not calibrated")


# An index into QUALITY. `counts`: with the light on, those of `dark` taken away; `spread`: quartile to quartile of the
# samples; `full`: counts of a saturated sample; `milli`: reflectances, None where they are wanted and there is no
# calibration, () where raw counts are all that is wanted; `empty`: reflectances of the empty window at calibration.
def judge(counts, dark, spread, full, milli, empty):
    found = 0
    for i in range(len(counts)):
        n = counts[i]
        if n + dark[i] >= full - (full >> 7):
            return 2
        if dark[i] > max(n >> 3, full >> 9):
            found = 3
        elif not found and spread[i] > (n >> 6) + (full >> 10):
            found = 4
    if found:
        return found
    if milli is None:
        return 6
    if milli:
        most = least = milli[0] - empty[0]
        for i in range(1, len(counts)):
            n = milli[i] - empty[i]
            most = max(most, n)
            least = min(least, n)
        if most < 3500:
            return 5 if most > 500 or least < -500 else 1
    return 0
