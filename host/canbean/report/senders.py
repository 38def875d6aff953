"""The clocks of a bus in words: an id's skew and its sender, and a row a sender."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import key_text
from canbean.report.page import heading, paragraph, table

if TYPE_CHECKING:
    from canbean.detect.clocks import Clock, Clocks
    from canbean.report.markup import Markup

UNSURE = 0.5
"""An id whose sender is less likely than this is marked."""


def clock_words(clock: Clock) -> str:
    """Skew and sender of an id."""
    doubt = "" if clock.sure >= UNSURE else "?"
    return f"{_ppm(clock.skew_ppm)} \u00b1 {clock.uncertainty_ppm:.1f} ppm, sender {clock.group + 1}{doubt}"


def senders(clocks: Clocks) -> list[Markup]:
    """A heading and a table with a row a sender."""
    groups: dict[int, list[Clock]] = {}
    for one in clocks.clocks.values():
        groups.setdefault(one.group, []).append(one)
    rows = [
        (
            number + 1,
            len(ids),
            _ppm(float(np.average([one.skew_ppm for one in ids], weights=_weights(ids)))),
            f"{min(one.sure for one in ids):.0%}",
            " ".join(key_text(one.key) + ("" if one.sure >= UNSURE else "?") for one in ids),
        )
        for number, ids in sorted(groups.items())
    ]
    left_out = len(clocks.left_out)
    text = (
        "A control unit times its frames by its own crystal. Skews are of the period against the nearest half millisecond, "
        "above 0 where frames come late, by the clock of the log, which is off itself, the same for all. Ids stand together "
        "whose skews agree within their uncertainty, less what their beats wander together; two control units whose clocks "
        "happen to agree, and one that forwards what another sends, look like one. A question mark: another sender is as likely."
    )
    if left_out:
        text += f" {left_out} periodic id{'' if left_out == 1 else 's'} left out, whose period is too uncertain after so much log."
    found = [heading("Senders by their clocks")]
    if rows:
        found.append(
            table(["sender", "ids", "skew, ppm", "least sure", "which"], rows, text=(4,), prose=(4,))
        )
    return [*found, paragraph(text, quiet=True)]


def _weights(ids: list[Clock]) -> list[float]:
    return [1 / max(one.uncertainty_ppm, 0.5) ** 2 for one in ids]


def _ppm(skew: float) -> str:
    """With its sign, a typographic minus."""
    return f"{skew:+.1f}".replace("-", "\u2212")
