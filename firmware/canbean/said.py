# How alerts, and what is said beside them, put numbers.


def unbucket(edge):
    octave = (edge >> 6) - 6
    return 64 + (edge & 63) << octave if octave >= 0 else 64 + (edge & 63) >> -octave


def id_text(key):
    return "%08X" % (key & 0x1FFFFFFF) if key >> 29 else "%03X" % key


def sixteenths(bits):
    return b"%d.%04d" % (bits >> 4, (bits & 15) * 625)


def severity(bits, threshold):
    over = bits - threshold
    return "high" if over >= 256 else "medium" if over >= 64 else "low"
