"""The settings of a board: what was set on it, beside its model (`firmware/commands/setting.py`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from canbean.board import update
from canbean.board.port import BAUD
from canbean.can.frames import key_text
from canbean.detect.patterns import pattern_text
from canbean.detect.rules import ACTIONS, ALLOW, DENY, Rules
from canbean.errors import BoardError, RefusedError, UsageError

if TYPE_CHECKING:
    from canbean.board.link import Board
    from canbean.detect.rules import Rule

FLOOR = 64
"""Sixteenths of a bit: no setting brings a threshold below."""
_ALL = (1 << 30) - 1
EXAMPLES = {
    "threshold": "16",
    "allow": "2C5",
    "deny": "7DF",
    "bitrate": "250000",
    "listen": "1",
    "transmit": "0",
    "alertid": "2031",
    "calibration": "DATE UNIT T0 ZERO GAIN ALPHA EMPTY ...",
    "swap": "1",
    "led": "100",
    "stream": "colortrack",
    "baud": "9600",
    "slot": "model.cbm",
}
"""Every setting of `firmware/commands/checked.py` with words that it takes: a number where it takes nothing else."""
SLOTS = ("a.cbm", "b.cbm", "model.cbm", "/rom/model.cbm")
"""What `slot` takes."""
_NUMBER = re.compile(r"[-+]?[0-9]+")


@dataclass(frozen=True)
class Settings:
    """What is set on a board, and what that makes of its model.

    Attributes:
        lines: name and words of each.
        number: how often they have been changed.
        digest: 16 hexadecimal digits of the file that holds them, None where there is none.
        slot: the file of the model that was sent last, None where none was.
        threshold_bits: of the fingerprint, in use; None where the board does not watch.
        rules_in_use: of the model and the settings together; None where the board does not watch.
        unused: names of those that its application does not have: left of another one, for which they stay.
    """

    lines: tuple[tuple[str, str], ...] = ()
    number: int = 0
    digest: str | None = None
    slot: str | None = None
    threshold_bits: float | None = None
    rules_in_use: int | None = None
    unused: tuple[str, ...] = ()

    @property
    def threshold(self) -> int:
        """Sixteenths of a bit that are added to every detector's threshold."""
        return int(dict(self.lines).get("threshold", "0"))

    @property
    def rules(self) -> Rules:
        """The lists of this board.

        Raises:
            UsageError: they make no sense.
        """
        texts = [[words for name, words in self.lines if name == ACTIONS[action]] for action in (ALLOW, DENY)]
        return Rules.parse(*texts)

    def tuned(self, threshold: int, rules: Rules) -> Settings:
        """These settings with another threshold and other lists."""
        listed = {"threshold", *ACTIONS.values()}
        lines = [line for line in self.lines if line[0] not in listed]
        if threshold:
            lines.append(("threshold", str(threshold)))
        lines += [(ACTIONS[rule.action], rule_text(rule)) for rule in rules]
        return replace(self, lines=tuple(lines))

    def told(self) -> dict[str, object]:
        """The settings as plain values."""
        return {
            "number": self.number,
            "digest": self.digest,
            "slot": self.slot,
            "threshold_bits": self.threshold_bits,
            "rules_in_use": self.rules_in_use,
            "settings": [f"{name} {words}" for name, words in self.lines],
            "unused": list(self.unused),
        }


def rule_text(rule: Rule) -> str:
    """The pattern of a rule as a board reads it: ids with masks and no ranges, a point for any digit."""
    text = key_text(rule.key) if rule.mask else "*"
    if rule.mask not in {0, _ALL}:
        ones = 0x1FFFFFFF if rule.key >> 29 else 0x7FF
        text += f"/{rule.mask & ones:0{len(text)}X}"
    if rule.whole:
        return text
    return text + pattern_text(0, 0, rule.value, rule.care).removeprefix("*").replace("x", ".")


def read(board: Board, timeout: float = 5.0) -> Settings:
    """What is set on a board.

    Raises:
        BoardError: it does not answer in time, or is gone.
    """
    lines: list[tuple[str, str]] = []
    unused: dict[str, None] = {}
    for said in update.told(board, timeout):
        if said["type"] == "setting":
            if said["name"] not in {"slot", "refused"}:
                lines.append((said["name"], said["words"]))
                if not said.get("used", True):
                    unused[said["name"]] = None
        elif said["type"] == "settings":
            return Settings(
                tuple(lines),
                said["number"],
                said["digest"],
                said["slot"],
                said["threshold"],
                said["rules"],
                tuple(unused),
            )
        else:
            raise board.refused("settings")
    raise BoardError(f"{board.port}: the board does not tell its settings within {timeout:g} s")


def setting(text: str) -> str:
    """The command that sets `NAME WORDS`, as somebody typed it; limits are checked by the board.

    Raises:
        UsageError: there is no setting of this name, its value is missing, or is none that it can take.
    """
    name, *words = text.split() or ("",)
    example = _example(name)
    if not words:
        raise UsageError(f"{name}: its value is missing: --set '{name} {example}'")
    if _NUMBER.fullmatch(example) and not _NUMBER.fullmatch(" ".join(words)):
        raise UsageError(f"{name} {' '.join(words)}: give one whole number: --set '{name} {example}'")
    if name == "slot" and " ".join(words) not in SLOTS:
        raise UsageError(f"slot {' '.join(words)}: give one of {', '.join(SLOTS)}")
    return " ".join(("set", name, *words))


def unsetting(text: str) -> str:
    """The command that forgets `NAME [WORD]`, as somebody typed it.

    Raises:
        UsageError: there is no setting of this name.
    """
    name, *words = text.split() or ("",)
    # why a model was refused is remembered there too
    if name != "refused":
        _example(name)
    return " ".join(("unset", name, *words))


def _example(name: str) -> str:
    if name in EXAMPLES:
        return EXAMPLES[name]
    known, equals, value = name.partition("=")
    if equals and known in EXAMPLES:
        raise UsageError(f"{name}: with a space: '{known} {value or EXAMPLES[known]}'")
    raise UsageError(f"no such setting: {name or 'nothing'}: there are {', '.join(EXAMPLES)}")


def change(board: Board, command: str, key: bytes | None = None) -> None:
    """Send a `set` or `unset`; where that changes the speed of the line, this end of it changes too.

    Raises:
        BoardError: the board refuses it, does not answer in time, or is gone.
    """
    words = command.split()
    if words[1:2] != ["baud"]:
        update.ask(board, command, "settings", key)
        return
    text, before = update.authenticated(board, command, key), board.baud
    board.command(text)
    # a board answers with the new speed, and says with the old one why it keeps that
    board.baud = int(words[2]) if words[0] == "set" and words[2:3] and words[2].isdigit() else BAUD
    try:
        board.hear(words[0], "settings")
    except RefusedError:
        raise
    except BoardError:
        board.baud = before
        if dict(read(board).lines).get("baud", str(BAUD)) != words[-1]:
            raise BoardError(
                f"{board.port}: the board keeps its {before} baud: give one of 1200 to 921600"
            ) from None


def write(board: Board, wanted: Settings, key: bytes | None = None) -> Settings:
    """Replace all settings of a board at once; what it then says of them.

    Raises:
        BoardError: it refuses them, falls silent or goes away.
    """
    text = "".join(f"{name} {words}\n" for name, words in wanted.lines) or "\n"
    update.with_room(board, lambda: update.put(board, "settings", text.encode("ascii"), key), key)
    return read(board)
