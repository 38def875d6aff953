"""Which of the firmware's files a gateway's model needs: those are joined, the others wait for a model that has more."""

from __future__ import annotations

import ast
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canbean.board.reach import Part
from canbean.board.scopes import File, Own, imported, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

WITH = {"CHKS": ("canbean/checks", "canbean/check_words"), "ORDR": ("canbean/order_words",)}
"""Files of sections; those of detectors of windows are named in the firmware's `gates.py`."""
RULES = "canbean/rules"
"""Loaded anew whenever the board's own lists change."""
SELDOM = (
    Part("canbean/alert", "words"),
    Part("canbean/alert", "fields"),
    Part("canbean/alert", "id_text"),
    Part("canbean/alert", "severity"),
    Part("canbean/alert", "unbucket"),
    Part("canbean/order_words", "words"),
    Part("canbean/escape", "escaped"),
)
"""What only an alert needs: it is loaded in less time than the alert's line takes. Whatever stays loaded imports it within a
function."""
GATES, NOVELTY, FEED = "canbean/gates", "canbean/novelty", "drivers/feed"
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


def files(contents: Mapping[str, bytes], app: str, board: str, sections: Mapping[str, bytes]) -> Needs:
    """What of a firmware is joined for a model.

    Args:
        contents: the firmware's files by path without `.py`.
        app: path of the application.
        board: path of the board's file.
        sections: the model's sections by tag.
    """
    windows = _detectors(contents.get(GATES, b""))
    named = {file for tag, file in windows.items() if tag in sections and file in contents}
    apart = {file for tag, those in WITH.items() if tag not in sections for file in those}
    apart |= set(windows.values()) - named | {RULES}
    if not named:
        apart.add(GATES)
    head = sections.get("FPRN", b"")
    if len(head) < _FINGERPRINT.size or _FINGERPRINT.unpack_from(head)[2] >= _CLOSED:
        apart.add(NOVELTY)
    drivers = _drivers(contents, board)
    if drivers:
        # a board with a bus of its own seldom replays
        apart.add(FEED)
    starting = Part(SAFE, "main"), Part(board, "open_bus")
    return Needs((app, *drivers), tuple(sorted(named)), tuple(sorted(apart)), SELDOM, starting)


def _detectors(gates: bytes) -> dict[str, str]:
    """The file of each section of a detector of windows."""
    for one in ast.parse(gates).body:
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "DETECTORS":
            return {tag: f"canbean/{row[0]}" for tag, row in ast.literal_eval(one.value).items()}
    return {}


def _drivers(contents: Mapping[str, bytes], board: str) -> list[str]:
    """What a board's file loads itself."""
    sources = parse(dict(contents))
    found = set()
    for node in ast.walk(sources[board].tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for meaning in imported(sources[board], node, sources).values():
                if isinstance(meaning, (Own, File)) and meaning.file.startswith("drivers/"):
                    found.add(meaning.file)
    return sorted(found)
