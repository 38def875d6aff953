"""What a kind of alert may be a sign of, in the identifiers that security teams use.

Auto-ISAC ATM, MITRE ATT&CK for ICS (v18 and v19: its sub-techniques were renumbered) and UN R155 Annex 5. An
intrusion detector sees symptoms: each kind has several classes with a confidence, none of them asserted. The
board has the same table in `firmware/canbean/alert.py`; a test holds the two together.
"""

from __future__ import annotations

CLASSES = {
    "fabrication": ("ATM-T0071", "T0855", "T1692.001", "11.1"),
    "flood": ("ATM-T0068", "T0814", "T0814", "24.1"),
    "masquerade": ("ATM-T0070", "T0856", "T1692.002", "11.1"),
    "replay": ("ATM-T0071", "T0855", "T1692.001", "6.3"),
    "suspension": ("ATM-T0070", "T0804", "T1691.002", "20.5"),
}
"""class: ATM, ATT&CK for ICS v18, the same in v19, R155 Annex 5 part A."""

SIGNS = {
    "unknown-id": (("fabrication", 70), ("flood", 20)),
    "dlc": (("fabrication", 60),),
    "timing": (("fabrication", 50), ("replay", 30), ("flood", 10)),
    "rate": (("flood", 50), ("fabrication", 30)),
    "missing": (("suspension", 60),),
    "payload": (("fabrication", 50), ("masquerade", 20)),
    "counter": (("masquerade", 40), ("replay", 30), ("fabrication", 20)),
    "checksum": (("fabrication", 40), ("masquerade", 40)),
    "sequence": (("fabrication", 30), ("replay", 30), ("suspension", 20)),
    "relation": (("masquerade", 60), ("replay", 20)),
    "bus-load": (("flood", 60), ("suspension", 10)),
}
"""kind: classes with a confidence in per cent."""
