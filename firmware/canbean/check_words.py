# The words of an alert about a check: what was expected and what was seen.
PARTS = ("counter", "checksum", "payload")


def words(checks, part):
    # Of the frame just checked, by a part of it that has bits.
    i = 3 * PARTS.index(part)
    check, want, got = checks.worst[i : i + 3]
    at = check << 3
    table = checks.table
    kind = table[at]
    start = table[at + 2]
    length = table[at + 3] & 31
    on = (start & 7) + length - 1
    if table[at + 3] & 128:
        place = "bits %d..%d big-endian" % ((start & 56) - (on & 56) + (on & 7), start)
    else:
        place = "bits %d..%d" % (start, start + length - 1)
    edge = table[at + 4] | table[at + 5] << 8
    if kind == 0:
        return "counter at %s is %d" % (place, want), "it is %d" % got
    if kind == 1 and length == 8:
        return "checksum byte %d is %02X" % (start >> 3, want), "%02X" % got
    if kind == 1:
        return "checksum at %s is %X" % (place, want), "%X" % got
    if kind == 2:
        return "value at %s steps by at most %d" % (place, edge), str(got)
    if kind == 3:
        high = edge + (table[at + 6] | table[at + 7] << 8) & (1 << length) - 1
        return "value at %s in %d..%d" % (place, edge, high), str(got)
    edge &= 255
    return "value at %s the same for at most %d frames" % (place, edge), "for %d" % got
