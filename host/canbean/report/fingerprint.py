"""The section of a learned bus: a row an id, a strip of its bits by kind, its fields in words when unfolded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from canbean.can.frames import key_text
from canbean.detect.bitflips import BIG
from canbean.detect.kinds import (
    CHECKSUM,
    CONSTANT,
    COUNTER,
    ENUMERATION,
    KINDS,
    MULTIPLEXER,
    NOISE,
    PHYSICAL,
)  # fmt: skip
from canbean.report.markup import Markup, element
from canbean.report.page import facts, heading, paragraph, section, table, wide
from canbean.report.senders import clock_words, senders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canbean.detect.clocks import Clock, Clocks
    from canbean.detect.fields import Field, IdFields
    from canbean.detect.phases import Places
    from canbean.detect.rhythm import Rhythm

PAGED = "paged"
"""What a bit is whose meaning goes with the multiplexer."""

LETTERS = {
    CONSTANT: "\u00b7",
    COUNTER: "C",
    CHECKSUM: "X",
    ENUMERATION: "E",
    PHYSICAL: "P",
    NOISE: "N",
    MULTIPLEXER: "M",
    PAGED: "m",
}
"""A letter a kind: the strip is read without colours too."""

COLOURS = {COUNTER: 2, CHECKSUM: 0, ENUMERATION: 5, PHYSICAL: 9, NOISE: 7, MULTIPLEXER: 6, PAGED: 8}
"""Colour of a kind by number (`style.LIGHT`, `style.DARK`); constant bits have none."""

MEANINGS = {
    CONSTANT: "constant: never changes",
    COUNTER: "counter: goes on by the same step",
    CHECKSUM: "checksum of the other bytes",
    ENUMERATION: "enumeration: a few values",
    PHYSICAL: "physical value",
    NOISE: "noise: tells nothing of what comes next",
    MULTIPLEXER: "multiplexer: says what the others mean",
    PAGED: "its meaning goes with the multiplexer",
}

CELL, TALL, APART, BYTES_A_ROW = 11, 17, 5, 8
"""Sizes of the strip in px: a bit, its height, between bytes; bytes in a row (more with CAN FD)."""

VALUES = 12
"""Values of an enumeration that are listed; with more, the range."""


def fingerprint_section(
    fields: Sequence[IdFields],
    rhythms: Mapping[int, Rhythm],
    calibration: Mapping[str, Any],
    title: str,
    *,
    simulated: bool,
    clocks: Clocks | None = None,
    places: Mapping[int, Places] | None = None,
) -> Markup:
    """What was learned of a bus, so that an engineer recognises the car.

    Args:
        fields: of each id, as `detect.fields.learn_fields`.
        rhythms: of each key, as `detect.rhythm.rhythms`.
        calibration: of the model, as `detect.learn.learn` has it.
        title: heading of the section.
        simulated: whether the log comes from a simulation.
        clocks: of the ids' senders, as `detect.clocks.clocks`; None leaves them out.
        places: of each key that has several in its cycle, as `detect.phases.places`.
    """
    by_key = {one.key: one for one in fields}
    keys = sorted(set(rhythms) | set(by_key))
    kinds = Counter(field.kind for one in fields for field in one.fields)
    known = {} if clocks is None else clocks.clocks
    several = places or {}
    shown = facts(
        [
            ("ids", f"{len(keys):,}"),
            ("frames", f"{sum(one.frames for one in rhythms.values()):,}"),
            ("clean log", f"{calibration['clean_s']:,.0f} s"),
            ("threshold", f"{calibration['threshold_bits']:.2f} bits"),
            ("counters", f"{kinds[COUNTER]:,}"),
            ("checksums", f"{kinds[CHECKSUM]:,}"),
            ("physical values", f"{kinds[PHYSICAL]:,}"),
        ]
    )
    return section(
        title,
        shown,
        heading("Ids"),
        _legend(),
        paragraph(
            "A strip has byte 0 first and in each byte bit 7 first; a mark stands where a field begins. Unfold an id for its "
            "fields. Bit numbers are those of a DBC: bit k of byte B is 8 B + k.",
            quiet=True,
        ),
        wide(
            element(
                "div",
                *[
                    _row(key, by_key.get(key), rhythms.get(key), known.get(key), several.get(key))
                    for key in keys
                ],
                class_="ids",
            )
        ),
        *([] if clocks is None else senders(clocks)),
        heading("How far this goes"),
        paragraph(
            "Fields were found without a database where none names them. A counter or a checksum is claimed only where "
            "noise would look like it with a probability below one in ten million an id; the chance stands beside it. "
            "What only moves with a counter, such as a checksum while all else rests, may still look like a second counter. "
            "Physical values and enumerations are what the values look like in this log: a slow value that was seen at few "
            "levels looks like an enumeration, and bits that did not move are constant here, whatever they mean.",
            quiet=True,
        ),
        paragraph(
            "Counters, checksums, steps and values that stand still take part in scores where the model holds checks of them: they "
            "are kept only for fields that were silent on clean log that they were not learned from. Enumerations and kinds of "
            "fields do not score by themselves: a new value raises an alert only through constant bits and byte ranges.",
            quiet=True,
        ),
        simulated=simulated,
    )


def _legend() -> Markup:
    """Letter, colour and words of each kind."""
    items = [
        element("li", _swatch(kind), f" {MEANINGS[kind]}")
        for kind in (*KINDS, PAGED)
    ]  # fmt: skip
    return element("ul", *items, class_="kinds")


def _swatch(kind: str) -> Markup:
    """One cell of a strip."""
    return element(
        "svg",
        *_cell(kind, 0, 0, TALL),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {TALL} {TALL}",
        width=TALL,
        height=TALL,
        class_="strip",
        aria_hidden="true",
    )


def _cell(kind: str, x: float, y: float, width: float) -> list[Markup]:
    """A bit: coloured, with its letter."""
    colour = f"k{COLOURS[kind]}" if kind in COLOURS else None
    return [
        element("rect", x=float(x), y=float(y), width=float(width), height=float(TALL), class_=colour),
        element("text", LETTERS[kind], x=x + width / 2, y=y + 12.5, text_anchor="middle"),
    ]


def _row(
    key: int, one: IdFields | None, rhythm: Rhythm | None, clock: Clock | None, several: Places | None
) -> Markup:
    """One id: a line of facts and the strip; unfolded its fields."""
    name = one.name if one is not None else ""
    words = [
        element("b", key_text(key)),
        element("span", name, class_="what") if name else "",
        element("span", _rhythm_words(rhythm), class_="quiet"),
        element("span", f"; {several.words()}", class_="quiet") if several is not None else "",
        element("span", f"; {clock_words(clock)}", class_="quiet") if clock is not None else "",
    ]
    if one is None:
        return element("div", *words, class_="id")
    return element(
        "details",
        element("summary", *words, strip(one)),
        _fields(one),
        class_="id",
    )


def _rhythm_words(rhythm: Rhythm | None) -> str:
    """Period, jitter, length, frames, rate."""
    if rhythm is None:
        return ""
    parts = [
        f"{rhythm.frames:,} frame{'' if rhythm.frames == 1 else 's'}",
        f"{_short(rhythm.per_second)} a second",
    ]
    if rhythm.period_ms is not None:
        period = f"every {_short(rhythm.period_ms)} ms"
        parts.insert(0, period if rhythm.jitter_ms is None else f"{period} \u00b1 {_short(rhythm.jitter_ms)}")
    lengths = " or ".join(map(str, rhythm.lengths))
    return f"{', '.join(parts)}; {lengths} bytes"


def _short(value: float) -> str:
    """A number with about three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def strip(one: IdFields) -> Markup:
    """The bits of an id coloured by kind, byte 0 first, in each byte bit 7 first."""
    kinds, begins = bit_kinds(one)
    rows = -(-one.length // BYTES_A_ROW)
    parts: list[Markup] = []
    for byte in range(one.length):
        left = (byte % BYTES_A_ROW) * (8 * CELL + APART) + 1
        top = byte // BYTES_A_ROW * (TALL + APART) + 1
        for place, bit in enumerate(range(7, -1, -1)):
            position = 8 * byte + bit
            parts += _cell(kinds[position], left + place * CELL, top, CELL)
            if position in begins:
                x = float(left + place * CELL)
                parts.append(element("line", x1=x, y1=float(top), x2=x, y2=float(top + TALL), class_="begin"))
    width = min(one.length, BYTES_A_ROW) * (8 * CELL + APART)
    height = rows * (TALL + APART)
    read = " ".join(
        "".join(LETTERS[kinds[8 * byte + bit]] for bit in range(7, -1, -1)) for byte in range(one.length)
    )
    return element(
        "svg",
        element("title", f"bits of {key_text(one.key)}: {read}"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        class_="strip",
        role="img",
    )


def bit_kinds(one: IdFields) -> tuple[list[str], set[int]]:
    """The kind of every bit of an id, by DBC number, and the leftmost bits of its fields in a strip."""
    kinds = [CONSTANT] * (8 * one.length)
    begins: set[int] = set()
    for field in one.fields:
        paged = field.page is not None
        if paged and field.kind == CONSTANT:
            continue
        for position in field.positions:
            kinds[position] = PAGED if paged else field.kind
        if field.kind != CONSTANT:
            # Of each byte it lies in, a field of the one order goes on at the byte's edge.
            top = field.positions[-1]
            begins.add(top)
    return kinds, begins


def _fields(one: IdFields) -> Markup:
    """The fields of an id as a table, and what is told of its payloads."""
    same, middle, p95, most = one.hamming
    paged = any(field.page is not None for field in one.fields)
    named = any(field.name for field in one.fields)
    rows = [
        (
            *([("" if field.page is None else field.page)] if paged else []),
            *([field.name] if named else []),
            place_words(field),
            f"{LETTERS[field.kind]} {field.kind}",
            words(field),
        )
        for field in one.fields
        if field.kind != CONSTANT or field.name
    ]
    headings = [*(["page"] if paged else []), *(["name"] if named else []), "bits", "kind", "what was seen"]
    fixed = sum(field.length for field in one.fields if field.kind == CONSTANT and field.page is None)
    told = (
        f"From one payload to the next {middle:g} bits differ (median), {p95:g} at the 95th percentile, {most} at most; "
        f"{same:.0%} are unchanged."
    )
    if fixed:
        told += f" {fixed} of {8 * one.length} bits are constant."
    return element(
        "div",
        table(headings, rows, text=range(len(headings) - 1), prose=(len(headings) - 1,)) if rows else "",
        paragraph(told, quiet=True),
        *[paragraph(f"{note[0].upper()}{note[1:]}.", quiet=True) for note in one.notes],
        class_="fields",
    )


def place_words(field: Field) -> str:
    """Where a field is."""
    if field.length == 1:
        return f"{field.start}"
    low, high = min(field.positions), max(field.positions)
    if field.order == BIG:
        return f"{field.length} from {field.start}, Motorola"
    return f"{low} to {high}{', Intel' if low // 8 != high // 8 else ''}"


def words(field: Field) -> str:
    """What was seen of a field, in words."""
    if field.kind == COUNTER:
        values = field.high - field.low + 1
        down = 2 * field.step > values > 2
        step = values - field.step if down else field.step
        said = f"from {field.low} to {field.high}, {'down' if down else 'up'} by {step:g} and around"
        if field.pauses:
            said += f", staying in {field.pauses:.0%} of the frames"
        return said + _evidence(field)
    if field.kind == CHECKSUM:
        return field.rule + _evidence(field)
    if field.kind in {ENUMERATION, MULTIPLEXER} and 0 < len(field.values) <= VALUES:
        return f"{'flag' if field.values == (0, 1) else 'values'}: {', '.join(map(str, field.values))}"
    low, high = sorted((field.low * field.scale + field.offset, field.high * field.scale + field.offset))
    unit = f" {field.unit}" if field.unit else ""
    if field.kind == CONSTANT:
        return f"{low:g}{unit}"
    said = f"from {low:g} to {high:g}{unit}"
    if field.kind == PHYSICAL:
        said += f", typically by {abs(field.step * field.scale):g}{unit} at a time"
    return said + (", signed" if field.signed else "")


def _evidence(field: Field) -> str:
    """In how many frames it holds, and how likely noise looks like it."""
    said = ""
    if field.holds is not None:
        said += (
            "; in all frames"
            if field.holds == 1
            else f"; in {int(field.holds * 10000) / 100:g} % of the frames"
        )
    if field.log2_false is not None:
        said += f"; by chance below 2^{max(field.log2_false, -999):.0f}"
    return said.replace("^-", "^\u2212")
