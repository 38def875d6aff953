# The line of an alert: its fields, among them which techniques it may be a sign of.
from . import const
from .said import id_text, severity, sixteenths

# What a kind may be a sign of: Auto-ISAC ATM, MITRE ATT&CK for ICS v18 and v19, UN R155 Annex 5.
_CLASSES = const(
    "fabrication 71 T0855 T1692.001 11.1,"
    "flood 68 T0814 T0814 24.1,"
    "masquerade 70 T0856 T1692.002 11.1,"
    "replay 71 T0855 T1692.001 6.3,"
    "suspension 70 T0804 T1691.002 20.5"
)
_SIGN = const('{"class":"%s","confidence":0.%s,"atm":"ATM-T00%s","ics_v18":"%s","ics_v19":"%s","r155":"%s"}')
# Each kind with its classes, by number, and their confidence in per cent, as likely as the kind alone can tell.
SIGNS = (
    "unknown-id 070 120,"
    "dlc 060,"
    "timing 050 330 110,"
    "rate 150 030,"
    "missing 460,"
    "payload 050 220,"
    "counter 240 330 020,"
    "checksum 040 240,"
    "sequence 030 330 420,"
    "relation 260 320,"
    "bus-load 160 410,"
)


def hypotheses(kind):
    at = SIGNS.find(kind + " ") + len(kind) + 1
    classes = _CLASSES.split(",")
    parts = []
    for sign in SIGNS[at : SIGNS.find(",", at)].split():
        name, atm, v18, v19, r155 = classes[int(sign[0])].split()
        parts.append(_SIGN % (name, sign[1:], atm, v18, v19, r155))
    return ("[" + ",".join(parts) + "]").encode()


def fields(s, us, key, detector, words, bits, threshold, incident, dropped):
    kind, expected, seen = words[:3]
    return (
        ("t", b"%d.%06d" % (s, us)),
        ("id", None if key is None else id_text(key)),
        ("bus", 0),
        ("detector", detector),
        ("kind", kind),
        ("bits", sixteenths(bits)),
        ("threshold", sixteenths(threshold)),
        ("expected", expected),
        ("seen", seen),
        ("severity", words[3] if len(words) > 3 else severity(bits, threshold)),
        ("incident", incident),
        ("hypotheses", hypotheses(kind)),
        ("dropped", dropped),
    )
