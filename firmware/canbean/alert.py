# The words of an alert: what was expected, what was seen, and which techniques it may be a sign of.
LENGTHS = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0c\x10\x14\x18\x20\x30\x40"

# What a kind may be a sign of: Auto-ISAC ATM, MITRE ATT&CK for ICS v18 and v19, UN R155 Annex 5.
CLASSES = (
    "fabrication 71 T0855 T1692.001 11.1",
    "flood 68 T0814 T0814 24.1",
    "masquerade 70 T0856 T1692.002 11.1",
    "replay 71 T0855 T1692.001 6.3",
    "suspension 70 T0804 T1691.002 20.5",
)
SIGN = '{"class":"%s","confidence":0.%02d,"atm":"ATM-T00%s","ics_v18":"%s","ics_v19":"%s","r155":"%s"}'
# kind: pairs of a class and its confidence in per cent, as likely as the kind alone can tell.
SIGNS = {
    "unknown-id": b"\x00\x46\x01\x14",
    "dlc": b"\x00\x3c",
    "timing": b"\x00\x32\x03\x1e\x01\x0a",
    "rate": b"\x00\x1e",
    "missing": b"\x04\x3c",
    "payload": b"\x00\x32\x02\x14",
}


def words(fingerprint, key, code, data):
    # Kind, what was expected and what was seen, of the frame that the fingerprint has just scored.
    i = fingerprint.slot
    if i == fingerprint.n:
        return "unknown-id", "one of %d known ids" % i, "id " + id_text(key)
    most = max(fingerprint.timing, fingerprint.dlc, fingerprint.broken)
    at = i * 12
    if not most:
        return "rate", "an id so rare not at all", "a frame of it"
    if most == fingerprint.timing:
        if fingerprint.timing == fingerprint.by_gap:
            edge, seen, what = fingerprint.record[at + 4], fingerprint.gap, "1 gap"
        else:
            edge, seen, what = fingerprint.record[at + 6], fingerprint.span, "2 gaps"
        return "timing", "%s of at least %d us" % (what, unbucket(edge)), "%d us" % seen
    if most == fingerprint.dlc:
        return "dlc", "length " + lengths(fingerprint.record[at + 1]), "length %d" % LENGTHS[code]
    k = fingerprint.byte
    payload = fingerprint.payload
    at = i * 32 + k
    seen = "byte %d is %02X" % (k, data[k])
    if (data[k] ^ payload[at + 8]) & payload[at]:
        return "payload", "byte %d has %02X in bits %02X" % (k, payload[at + 8], payload[at]), seen
    return "payload", "byte %d in %02X..%02X" % (k, payload[at + 16], payload[at + 24]), seen


def lengths(codes):
    return " or ".join([str(LENGTHS[c]) for c in range(16) if codes >> c & 1])


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


def hypotheses(kind):
    signs = SIGNS[kind]
    parts = []
    for i in range(0, len(signs), 2):
        name, atm, v18, v19, r155 = CLASSES[signs[i]].split()
        parts.append(SIGN % (name, signs[i + 1], atm, v18, v19, r155))
    return ("[" + ",".join(parts) + "]").encode()


def fields(s, us, key, kind, bits, threshold, expected, seen, incident, dropped):
    return (
        ("t", b"%d.%06d" % (s, us)),
        ("id", id_text(key)),
        ("bus", 0),
        ("detector", "fingerprint"),
        ("kind", kind),
        ("bits", sixteenths(bits)),
        ("threshold", sixteenths(threshold)),
        ("expected", expected),
        ("seen", seen),
        ("severity", severity(bits, threshold)),
        ("incident", incident),
        ("hypotheses", hypotheses(kind)),
        ("dropped", dropped),
    )
