# The line of an alert: its fields, among them which techniques it may be a sign of.
from . import const
from .said import id_text, severity, sixteenths

KINDS = "unknown-id,dlc,timing,rate,missing,payload,counter,checksum,sequence,relation,bus-load"
# Of each kind its classes, by number, and their confidence in per cent, as likely as the kind alone can tell.
_SIGNS = const(
    "070120   "
    "060      "
    "050330110"
    "150030   "
    "460      "
    "050220   "
    "240330020"
    "040240   "
    "030330420"
    "260320   "
    "160410   "
)  # fmt: skip
_SIGN = const(
    '%s{"class":"%s","confidence":0.%s,"atm":"ATM-T00%s","ics_v18":"%s","ics_v19":"%s","r155":"%s"}'
)


# What a kind may be a sign of: Auto-ISAC ATM, MITRE ATT&CK for ICS v18 and v19, UN R155 Annex 5. One text each: a heap that
# is small and in use has no room for all of them at once.
def technique(number):
    if number == "0":
        return "fabrication 71 T0855 T1692.001 11.1"
    if number == "1":
        return "flood 68 T0814 T0814 24.1"
    if number == "2":
        return "masquerade 70 T0856 T1692.002 11.1"
    if number == "3":
        return "replay 71 T0855 T1692.001 6.3"
    return "suspension 70 T0804 T1691.002 20.5"


def hypotheses(kind):
    kinds = KINDS
    at = 9 * kinds.count(",", 0, kinds.find(kind))
    signs = _SIGNS[at : at + 9]
    parts = []
    for i in (0, 3, 6):
        if signs[i] != " ":
            name, atm, v18, v19, r155 = technique(signs[i]).split()
            sign = _SIGN % ("," if i else "[", name, signs[i + 1 : i + 3], atm, v18, v19, r155)
            parts.append(sign.encode())
    parts.append(b"]")
    return b"".join(parts)


def fields(s, us, key, detector, words, bits, threshold, incident, dropped):
    kind, expected, seen = words[:3]
    # what takes most comes first
    signs = hypotheses(kind)
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
        ("hypotheses", signs),
        ("dropped", dropped),
    )
