"""A gateway's model to tune: learned from a minute of a simulated drive, its threshold where there is room on both sides."""

from dataclasses import replace
from functools import cache

import numpy as np

from canbean.can import simulate
from canbean.detect import model
from canbean.detect.fingerprint import RECORD, SCORE_CAP
from canbean.detect.learn import alarm_at, learn

THRESHOLD = 560
UNKNOWN = 800


@cache
def learned():
    """At 35 bits; an unknown id is worth 50.

    Silences of ids that come ten times a second reach any threshold; that of the first id hardly gains bits with time, and
    no more than 50.
    """
    known = learn([simulate.drive(60, 1)])
    record = known.fingerprint.record.copy()
    most = RECORD.index("late_most")
    record[:, most] = np.where(record[:, most] > 300, SCORE_CAP, 0)
    record[0, most] = UNKNOWN
    record[0, RECORD.index("late_slope")] = 48
    record[0, RECORD.index("late_base")] = 100
    tables = replace(known.fingerprint, record=record, unknown_bits=UNKNOWN)
    calibration = known.calibration | {"budget_per_hour": 1.0, "threshold_bits": THRESHOLD / 16}
    del calibration["curve"]
    gateway = replace(known.gateway, fingerprint=alarm_at(tables, THRESHOLD))
    return replace(known, gateway=gateway, calibration=calibration)


def car(**calibration):
    """The model, without a curve of its own; `calibration` adds to META's."""
    known = replace(learned(), calibration=learned().calibration | calibration)
    return model.pack(known, {"name": "car", "data": "simulated"})
