# Alerts and the state of the bus as eight bytes each of the host's alerts.dbc.
import struct

from canbean.alert import KINDS

# by their number there; 255 is a word that is not there
DETECTORS = "fingerprint,sequence,clock,lstm,vae,mixture"
SEVERITIES = "low,medium,high"
STATES = "ok,warning,passive,bus-off,silent chip"


def number(names, name):
    names = names.split(",")
    return names.index(name) if name in names else 255


# Sixteenths from b"12.0625", as far as 16 bits hold them.
def sixteenths(text):
    whole, part = text.split(b".")
    return min(int(whole) * 16 + int(part) // 625, 65535)


# An alert's pairs as three frames with the same number.
def alert(pairs, seq):
    said = dict(pairs)
    id = said["id"]
    # bit 29: an extended id, bit 30: an id at all
    top = key = 0
    if id:
        key = int(id, 16)
        top = key >> 16 | (0x6000 if len(id) > 3 else 0x4000)
    s, us = said["t"].split(b".")
    us = int(us)
    bits = sixteenths(said["bits"])
    return (
        struct.pack(
            "<BBBBHH",
            number(DETECTORS, said["detector"]),
            number(KINDS, said["kind"]),
            number(SEVERITIES, said["severity"]),
            seq,
            bits,
            sixteenths(said["threshold"]),
        ),
        struct.pack("<HHHBB", key & 65535, top, said["incident"] & 65535, min(said["dropped"], 255), seq),
        struct.pack("<IHBB", int(s), us & 65535, us >> 16, seq),
    )


# `hidden`: frames that were not shown; `lost`: that never came to the detectors.
def bus(state, hidden, lost, errors):
    top = hidden >> 16 & 255
    return struct.pack(
        "<HBHHB", hidden & 65535, top, min(lost, 65535), min(errors, 65535), number(STATES, state)
    )
