"""A gateway's model to tune: learned from a minute of a simulated drive, its threshold where there is room on both sides."""

from dataclasses import replace
from functools import cache

from canbean.can import simulate
from canbean.detect import model as gateway
from canbean.detect.fingerprint import RECORD
from canbean.detect.learn import alarm_at, learn

THRESHOLD = 560
UNKNOWN = 800


@cache
def learned():
    """At 35 bits; an unknown id is worth 50. The first id's silence hardly gains bits with time."""
    known = learn([simulate.drive(60, 1)])
    record = known.fingerprint.record.copy()
    record[0, RECORD.index("late_slope")] = 40
    record[0, RECORD.index("rarity")] = record[0, RECORD.index("late_base")] = 100
    tables = replace(known.fingerprint, record=record, unknown_bits=UNKNOWN)
    calibration = known.calibration | {"budget_per_hour": 1.0, "threshold_bits": THRESHOLD / 16}
    return replace(known, fingerprint=alarm_at(tables, THRESHOLD), calibration=calibration)


def car(**calibration):
    """The model; `calibration` adds to META's."""
    known = replace(learned(), calibration=learned().calibration | calibration)
    return gateway.pack(known, {"name": "car", "data": "simulated"})
