"""Names met so far in a log and their codes, so that the codes of all its chunks agree."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tables:
    """Codes of buses and labels; label 0 is normal traffic."""

    buses: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=lambda: {"": 0})
