"""A gateway's model tuned without learning again: another threshold, other rules, and a note in META of what was done.

META's `tuned` is a list, the latest last, of `{when, what, parent}`: `when` in UTC (ISO 8601), `what` in words, `parent` the
digest (`cbm.digest`) of the model that this one was made of. What learning found, `calibration`, stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.detect import budget, detectors, rules
from canbean.detect import model as gateway
from canbean.detect.fingerprint import FOREVER_US, SCORE_CAP, SECTION
from canbean.detect.learn import alarm_at
from canbean.errors import ModelError
from canbean.tiny import cbm

if TYPE_CHECKING:
    from datetime import datetime

    from canbean.detect.fingerprint import Fingerprint
    from canbean.detect.rules import Rules

DETECTOR = "fingerprint"
HISTORY = 8
"""Entries of `tuned` that are kept: a board reads META whole."""
WHAT_MOST = 240
"""Characters of `what`."""


@dataclass(frozen=True)
class Settings:
    """What can be tuned in a gateway's model.

    Attributes:
        fingerprint: its tables, with the threshold.
        rules: its rules.
        curve: alerts an hour against the threshold (`canbean.detect.budget`).
        measured: whether that curve was measured, or extrapolated from one point of it.
        history: META's `tuned`.
    """

    fingerprint: Fingerprint
    rules: Rules
    curve: budget.Curve
    measured: bool
    history: list[dict[str, Any]]

    @classmethod
    def of(cls, model: cbm.Model, name: str) -> Settings:
        """The settings of a model.

        Raises:
            ModelError: it is no gateway's, damaged, or does not say how it was calibrated.
        """
        known = gateway.unpack(model, name)
        calibration = model.read_meta(name).get("calibration")
        if not isinstance(calibration, dict):
            raise ModelError(f"{name}: does not say how it was calibrated: learn it again")
        curve, measured = budget.of_model(calibration, DETECTOR, name)
        return cls(known.fingerprint, known.rules, curve, measured, history(model, name))

    def told(self) -> dict[str, Any]:
        """The settings as plain values."""
        fingerprint = self.fingerprint
        timeouts = fingerprint.timeout_us[fingerprint.timeout_us < FOREVER_US]
        return {
            "threshold_bits": fingerprint.threshold / 16,
            "alerts_per_hour": budget.per_hour_at(self.curve, fingerprint.threshold),
            "alerts_per_hour_source": "curve" if self.measured else "extrapolated",
            "unknown_ids_alert": fingerprint.unknown_bits >= fingerprint.threshold,
            "ids": len(fingerprint),
            "ids_watched_for_silence": len(timeouts),
            "timeout_ms_median": float(np.median(timeouts)) / 1000 if len(timeouts) else None,
            "rules": [str(rule) for rule in self.rules],
        }


def history(model: cbm.Model, name: str) -> list[dict[str, Any]]:
    """META's `tuned`, empty where there is none.

    Raises:
        ModelError: it is no list of objects.
    """
    said = model.read_meta(name).get("tuned", [])
    if not isinstance(said, list) or not all(isinstance(entry, dict) for entry in said):
        raise ModelError(f"{name}: what META says of its tuning makes no sense")
    return said


def noted(model: cbm.Model, name: str, what: str, when: datetime, parent: str) -> list[dict[str, Any]]:
    """META's `tuned` with one more entry; arguments as `tuned`.

    Raises:
        ModelError: as `history`.
    """
    entry = {
        "when": when.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "what": what if len(what) <= WHAT_MOST else what[: WHAT_MOST - 3] + "...",
        "parent": parent,
    }
    return [*history(model, name), entry][-HISTORY:]


def tuned(
    model: cbm.Model, name: str, threshold: int, wanted: Rules, *, what: str, when: datetime, parent: str
) -> cbm.Model:
    """The model with another threshold (and what depends on it) and other rules, unsigned.

    Args:
        model: a gateway's model.
        name: what error messages call it.
        threshold: sixteenths of a bit, 1 to 1024.
        wanted: all rules that it is to have.
        what: what was asked for, in words.
        when: the time, with its zone UTC.
        parent: digest of `model`.

    Raises:
        ModelError: it is no gateway's, or damaged; or what came out would be refused by a board.
    """
    known = Settings.of(model, name)
    sections = dict(model.sections)
    more = threshold - known.fingerprint.threshold
    if more:
        sections[SECTION] = alarm_at(known.fingerprint, threshold).to_bytes()
        # A bit is a bit: what the fingerprint's threshold moves by, those of the other detectors move by too.
        for one, detector in gateway.unpack(model, name).detectors.items():
            level = int(np.clip(detector.gate.threshold + more, 1, SCORE_CAP))
            moved = detector.gated(replace(detector.gate, threshold=level))
            sections[detectors.module(one).TAG] = moved.to_bytes()
    sections.pop(rules.SECTION, None)
    if wanted:
        sections[rules.SECTION] = wanted.to_bytes()
    meta = model.read_meta(name) | {"tuned": noted(model, name, what, when, parent)}
    sections["META"] = cbm.encode_meta(meta)
    made = cbm.Model(sections, model.version, model.arithmetic, model.minimum_firmware)
    # The golden frames hold surprises, which no threshold and no rule changes: they are answered as before.
    gateway.check(made, name)
    return made
