"""One alert, as the host and the board raise it."""

from __future__ import annotations

from dataclasses import dataclass

from canbean.can.frames import key_text
from canbean.detect.taxonomy import CLASSES, SIGNS


@dataclass(frozen=True, slots=True)
class Alert:
    """What a detector says of one frame, or of an id that stays away.

    Attributes:
        t_us: time of the log in microseconds.
        key: the id the alert names (`id | ext << 29`), or None for the whole bus.
        bus: bus code.
        detector: name of the detector.
        kind: one of `KINDS`.
        bits: surprise in sixteenths of a bit.
        threshold: the threshold it passed, in sixteenths of a bit.
        expected: what clean traffic has, in words.
        seen: what was there, in words.
        severity: `low`, `medium` or `high`.
        incident: number of the incident the alert belongs to, from 1.
        dropped: alerts of the same id held back since its previous one.
    """

    t_us: int
    key: int | None
    bus: int
    detector: str
    kind: str
    bits: int
    threshold: int
    expected: str
    seen: str
    severity: str
    incident: int
    dropped: int


KINDS = (
    "unknown-id",
    "dlc",
    "timing",
    "rate",
    "missing",
    "payload",
    "counter",
    "checksum",
    "sequence",
    "relation",
    "bus-load",
)


def fields(alert: Alert) -> tuple[tuple[str, object], ...]:
    """The alert's keys and values in the order of its line; bytes are JSON text as it stands.

    `type boot seq` before them and `crc` after them belong to the serial line.
    """
    hypotheses = ",".join(
        f'{{"class":"{name}","confidence":0.{percent:02d},"atm":"{atm}","ics_v18":"{v18}","ics_v19":"{v19}","r155":"{r155}"}}'
        for name, percent in SIGNS[alert.kind]
        for atm, v18, v19, r155 in [CLASSES[name]]
    )
    return (
        ("t", f"{alert.t_us // 1_000_000}.{alert.t_us % 1_000_000:06d}".encode()),
        ("id", None if alert.key is None else key_text(alert.key)),
        ("bus", alert.bus),
        ("detector", alert.detector),
        ("kind", alert.kind),
        ("bits", sixteenths(alert.bits)),
        ("threshold", sixteenths(alert.threshold)),
        ("expected", alert.expected),
        ("seen", alert.seen),
        ("severity", alert.severity),
        ("incident", alert.incident),
        ("hypotheses", f"[{hypotheses}]".encode()),
        ("dropped", alert.dropped),
    )


def sixteenths(bits: int) -> bytes:
    """Sixteenths of a bit as an exact decimal."""
    return f"{bits >> 4}.{(bits & 15) * 625:04d}".encode()
