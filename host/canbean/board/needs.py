"""Which of the firmware's files a model needs: those are joined, the others wait for a model that has more."""

from __future__ import annotations

import ast
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canbean.board.reach import Part
from canbean.board.scopes import COPIED, JOINED, NATIVE, File, Own, files_in, imported, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

WITH = {
    "CHKS": ("canbean/checks", "canbean/check_words"),
    "ORDR": ("canbean/order_words",),
    "BLND": ("canbean/blend",),
}
"""Files of sections; those of detectors of windows are named in the firmware's `gates.py`, of kinds in its `kinds.py`."""
RULES = "canbean/rules"
"""Loaded anew whenever the board's own lists change."""
PASSING = (RULES, "canbean/verify")
"""Files whose code passes, beside commands and what the firmware itself drops."""
SELDOM = (
    Part("canbean/alert_words", "words"),
    Part("canbean/known_words", "known"),
    Part("canbean/stranger_words", "stranger"),
    Part("canbean/alert", "fields"),
    Part(COPIED, "id_text"),
    Part(COPIED, "severity"),
    Part(COPIED, "sixteenths"),
    Part(COPIED, "unbucket"),
    Part("canbean/order_words", "words"),
    Part("canbean/escape", "escaped"),
    Part("canbean/display", "draw"),
    Part("canbean/begin", "begin"),
    Part("canbean/calibrated", "reflectance"),
    Part("drivers/max3010x_setup", "setup"),
)
"""What only an alert needs, a display, or a sensor when it starts: it is loaded in less time than the alert's line or the reading
takes. Whatever stays loaded imports it within a function."""
PLAIN = "_plain"
"""How files end that say in bytecode what native code says."""
GATES, NOVELTY, FEED = "canbean/gates", "canbean/novelty", "drivers/feed"
GATEWAY, METER = "apps/gateway", "apps/roastmeter"
KINDS = "canbean/kinds"
"""Names the file of each section that predicts."""
OPENS = {GATEWAY: ("open_bus",), METER: ("open_sensor", "open_display", "open_button")}
"""What an application asks its board's file for, at start; what that loads are its drivers."""
REFLECTANCE = ("canbean/reflectance", "canbean/calibrated")
"""What a setting loads: the first for good, the other for a moment."""
KIT = ("drivers/max3010x", "drivers/ssd1306")
COLOURS = ("drivers/tcs34725", "drivers/ssd1306")
"""What most roast meters have, on boards that look for it; the other for a model of `COLOUR`."""
COLOUR = "green"
ALERTS = tuple(Part("canbean/lines", f"Lines.{name}") for name in ("alert", "got", "idle", "reset", "end"))
"""What only a gateway does."""
NEVER = (
    Part("canbean/features", "Features._native"),
    Part("drivers/max3010x", "Max3010x.stop"),
)
"""What a roast meter never does: it has no native code (`firmware.NATIVE_APPS`) and is switched off with its sensor."""
SAFE = "apps/console"
"""The application of safe mode, which runs instead of the one that is joined."""
_FINGERPRINT, _CLOSED = struct.Struct("<HHH"), 1024
"""How section FPRN begins; the third number is what an unknown id is worth, this where none is expected."""


@dataclass(frozen=True)
class Needs:
    """What `bundle` joins: as its arguments of the same names."""

    start: tuple[str, ...]
    named: tuple[str, ...]
    apart: tuple[str, ...]
    seldom: tuple[Part, ...]
    starting: tuple[Part, ...] = ()
    without: tuple[Part, ...] = ()


def files(contents: Mapping[str, bytes], app: str, board: str, sections: Mapping[str, bytes]) -> Needs:
    """What of a firmware is joined for a model.

    Args:
        contents: the firmware's files by path without `.py`.
        app: path of the application.
        board: path of the board's file.
        sections: the model's sections by tag.
    """
    windows = _detectors(contents.get(GATES, b""))
    kinds = {file for tag, file in _kinds(contents.get(KINDS, b"")).items() if tag in sections}
    named = {file for tag, file in windows.items() if tag in sections and file in contents}
    apart = {file for tag, those in WITH.items() if tag not in sections for file in those}
    apart |= set(windows.values()) - named | {RULES}
    if not named:
        apart.add(GATES)
    # loaded where native code does not run
    apart |= {name for name in contents if name.endswith(PLAIN) and name[: -len(PLAIN)] + NATIVE in contents}
    head = sections.get("FPRN", b"")
    if len(head) < _FINGERPRINT.size or _FINGERPRINT.unpack_from(head)[2] >= _CLOSED:
        apart.add(NOVELTY)
    opens = OPENS.get(app, ())
    drivers = _drivers(contents, board, opens)
    if drivers:
        # a board with a bus of its own seldom replays
        apart.add(FEED)
    starting = Part(SAFE, "main"), *(Part(board, name) for name in opens)
    without = () if app == GATEWAY else ALERTS + NEVER if app == METER else ALERTS
    start = [app, *drivers]
    if app == METER:
        start += [*REFLECTANCE, *(_kit(sections.get("META", b"")) if drivers else ())]
    return Needs(tuple(start), tuple(sorted(named | kinds)), tuple(sorted(apart)), SELDOM, starting, without)


def _kit(meta: bytes) -> tuple[str, ...]:
    """The drivers of a meter with this model."""
    try:
        channels = json.loads(meta).get("channels")
        return COLOURS if COLOUR in {str(channel[0]) for channel in channels} else KIT
    except (ValueError, TypeError, AttributeError, LookupError):
        # of an older model, or one that is damaged, which is for the board to say
        return KIT


def without_others(contents: Mapping[str, bytes], app: str, board: str) -> dict[str, bytes]:
    """The files that an application can load, whatever its model and its commands are.

    Args:
        contents: the firmware's files by path without `.py`.
        app: path of the application.
        board: path of the board's file.
    """
    sources = parse(dict(contents))
    todo = {app, board, SAFE, *_kinds(contents.get(KINDS, b"")).values(), *PASSING, *REFLECTANCE}
    todo |= {name for name in contents if not name.startswith("canbean/")}
    found = {name for name in contents if name.endswith((PLAIN, NATIVE)) or name == JOINED}
    while todo:
        name = todo.pop()
        if name in sources and name not in found:
            found.add(name)
            todo |= set(files_in(sources, sources[name]))
    return {name: content for name, content in contents.items() if name in found}


def _detectors(gates: bytes) -> dict[str, str]:
    """The file of each section of a detector of windows."""
    for one in ast.parse(gates).body:
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "DETECTORS":
            rows = [row.split() for row in ast.literal_eval(one.value).split(",")]
            return {tag: f"canbean/{module}" for tag, module, _ in rows}
    return {}


def _kinds(kinds: bytes) -> dict[str, str]:
    """The file of each section that predicts."""
    for one in ast.parse(kinds).body:
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "KINDS":
            return {row[0]: f"canbean/{row[1]}" for row in ast.literal_eval(one.value)}
    return {}


def _drivers(contents: Mapping[str, bytes], board: str, opens: Collection[str]) -> list[str]:
    """What a board's file loads itself, but for functions that another application asks for, and for what need not be there."""
    sources = parse(dict(contents))
    others = {name for names in OPENS.values() for name in names} - set(opens)
    found = set()
    for one in sources[board].tree.body:
        if isinstance(one, ast.FunctionDef) and one.name in others:
            continue
        always = isinstance(one, ast.FunctionDef) and one.name in {"open_bus", "open_sensor"}
        for node in _always([one]) if always else ast.walk(one):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for meaning in imported(sources[board], node, sources).values():
                    if isinstance(meaning, (Own, File)) and meaning.file.startswith("drivers/"):
                        found.add(meaning.file)
    return sorted(found)


def _always(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """What is there in any case of statements, and of the functions among them."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef):
            yield from _always(statement.body)
            continue
        yield from ast.walk(statement)
        if any(isinstance(node, ast.Return) for node in ast.walk(statement)):
            break
