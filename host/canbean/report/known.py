"""What a model knows of each id by itself, without the log that it was learned from: gaps, lengths, bits and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import LENGTHS, key_text
from canbean.detect.fingerprint import FOREVER_US
from canbean.detect.words import unbucket
from canbean.report.markup import Markup, element, join
from canbean.report.page import paragraph, table

if TYPE_CHECKING:
    from canbean.detect.fingerprint import Fingerprint

NONE, FREE = "\u2013", "\u00b7"


def known(fingerprint: Fingerprint) -> Markup:
    """A row an id, folded."""
    headings = (
        "id",
        "two gaps at least, ms",
        "shorter ones, bits",
        "missing after, ms",
        "bytes",
        "bits, and the range of each byte that moves",
    )
    rows = [_row(fingerprint, n) for n in range(len(fingerprint))]
    return element(
        "details",
        element("summary", element("b", f"{len(fingerprint):,} ids"), "and what the model expects of them"),
        paragraph(
            "Two gaps together that are shorter are a sign of an inserted frame, worth so many bits at most. A strip has byte 0 first and in each byte bit 7 first: 0 and "
            f"1 are bits that never changed in the clean log, {FREE} those that did. Bytes after the eighth are not watched.",
            quiet=True,
        ),
        table(headings, rows, text=(0, 4, 5)),
        class_="known",
    )


def _row(fingerprint: Fingerprint, n: int) -> tuple[object, ...]:
    column = {name: int(fingerprint.column(name)[n]) for name in ("span_edge", "early_most", "dlcs")}
    timeout = int(fingerprint.timeout_us[n])
    lengths = [int(length) for code, length in enumerate(LENGTHS) if column["dlcs"] >> code & 1]
    long = min(max(lengths, default=0), 8)
    timed = column["span_edge"] > 0
    return (
        key_text(int(fingerprint.keys[n])),
        _ms(unbucket(column["span_edge"])) if timed else NONE,
        f"{column['early_most'] / 16:.1f}" if timed else NONE,
        NONE if timeout >= FOREVER_US else _ms(timeout),
        " or ".join(map(str, lengths)),
        join(bits(fingerprint, n, long), element("code", ranges(fingerprint, n, long))),
    )


def _ms(us: float) -> str:
    return f"{us / 1000:,.0f}" if us >= 100_000 else f"{us / 1000:.3g}"


def bits(fingerprint: Fingerprint, n: int, length: int) -> Markup:
    """The bits of the first bytes of an id: constant ones as they are, the others marked."""
    mask, value = (
        np.unpackbits(part[n, :length]).reshape(-1, 8)
        for part in (fingerprint.mask, fingerprint.low & fingerprint.mask)
    )
    parts: list[object] = []
    for fixed, one in zip(mask.tolist(), value.tolist(), strict=True):
        text = "".join(str(bit) if known else FREE for known, bit in zip(fixed, one, strict=True))
        parts += [element("i", text) if not all(fixed) else text, " "]
    return element("code", *parts[:-1])


def ranges(fingerprint: Fingerprint, n: int, length: int) -> str:
    """The range of each of the first bytes that is not constant, as wide as its bits."""
    low, high = fingerprint.low[n].tolist(), fingerprint.high[n].tolist()
    words = (f"{low[k]:02X}..{high[k]:02X}" if low[k] != high[k] else "" for k in range(length))
    return " ".join(f"{word:^8}" for word in words).rstrip()
