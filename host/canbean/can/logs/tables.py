"""Names met so far in a log and their codes, so that the codes of all its chunks agree."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tables:
    """Codes of buses and labels (label 0 is normal traffic), and what must be said about the whole file."""

    buses: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=lambda: {"": 0})
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Say something about the whole file, once."""
        if text not in self.notes:
            self.notes.append(text)
