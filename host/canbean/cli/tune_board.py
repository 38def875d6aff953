"""`canbean model tune --on PORT`: the same on a board that runs the model: kept there beside it, and said by the board."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from canbean.board import Board, settings
from canbean.cli.board_update import show
from canbean.cli.output import json_line, note
from canbean.detect.fingerprint import SCORE_CAP
from canbean.detect.learn import alarm_at
from canbean.detect.rules import Rules
from canbean.errors import BoardError, UsageError
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.detect.tune import Settings


@dataclass(frozen=True)
class Change:
    """What is asked for.

    Attributes:
        threshold: the threshold wanted, sixteenths of a bit, from what is in use now.
        newer: rules that are added.
        clear: whether the board's own rules are dropped first.
    """

    threshold: Callable[[Settings], int]
    newer: Rules
    clear: bool


def tune(
    port: str,
    blob: bytes,
    name: str,
    model: Settings,
    change: Change | None,
    key: bytes | None,
    *,
    as_json: bool,
) -> None:
    """Change what is set on a board, or (None) show it.

    Args:
        port: of the board.
        blob: the model that it must run.
        name: what error messages call the model.
        model: what is set in the model.
        change: what is asked for.
        key: the board's, where it has one.
        as_json: one object on stdout.

    Raises:
        BoardError: the board runs another model, refuses the settings, or what it then uses is not what was asked for.
        UsageError: a threshold under the board's floor, or too many rules.
    """
    with Board(port) as board:
        runs = board.hello.get("model")
        if runs != cbm.digest(blob)[:16]:
            raise BoardError(
                f"{port}: the board runs the model {runs}, not {name}: send it with 'board model'"
            )
        before = after = settings.read(board)
        if change is not None:
            wanted = _wanted(model, before, change)
            if wanted.lines != before.lines:
                after = settings.write(board, wanted, key)
            asked = _in_use(model, wanted) / 16
            if after.threshold_bits != asked:
                raise BoardError(f"{port}: the board uses {after.threshold_bits} bits, and not {asked:g}")
    told = {
        "model": name,
        "on": port,
        "changed": after != before,
        "before": before.told(),
        "after": after.told(),
    }
    if as_json:
        json_line(told)
        return
    show(port, after)
    if change is not None and after == before:
        note("nothing was changed: this is so already")


def _in_use(model: Settings, now: settings.Settings) -> int:
    """The fingerprint's threshold with what is set on the board (firmware/commands/tuning.py), sixteenths of a bit."""
    level = model.fingerprint.threshold
    return max(min(level + now.threshold, SCORE_CAP), min(level, settings.FLOOR))


def _wanted(model: Settings, before: settings.Settings, change: Change) -> settings.Settings:
    level = _in_use(model, before)
    now = replace(model, fingerprint=alarm_at(model.fingerprint, level))
    wanted = change.threshold(now)
    if wanted != level and wanted < settings.FLOOR:
        raise UsageError(
            f"{wanted / 16:g} bits: a board takes no threshold under {settings.FLOOR / 16:g} bits"
        )
    rules = (Rules() if change.clear else before.rules).joined(change.newer)
    more = wanted - model.fingerprint.threshold if wanted != level else before.threshold
    return before.tuned(more, rules)
