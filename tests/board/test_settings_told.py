"""What a board tells of its settings, those that its application does not have among them, as the host reads and prints it."""

import importlib
import sys
from types import ModuleType, SimpleNamespace

import pytest

from canbean.board import settings
from canbean.board.firmware import module
from canbean.cli.board_update import show
from canbean.errors import UsageError
from conftest import FIRMWARE

END = {
    "type": "settings",
    "number": 3,
    "count": 2,
    "digest": "0" * 16,
    "slot": None,
    "threshold": None,
    "rules": None,
}


def told(*rows):
    """Settings read from a board that says these rows."""
    records = [SimpleNamespace(values={"type": "setting", **row}) for row in rows]
    records.append(SimpleNamespace(values=END))
    return settings.read(SimpleNamespace(command=lambda words: None, read=lambda: records, port="P"))


def test_what_is_left_of_another_application_is_marked(capsys):
    found = told(
        {"name": "stream", "words": "100", "used": True},
        {"name": "deny", "words": "2C5", "used": False},
        {"name": "deny", "words": "2C6", "used": False},
    )
    assert found.unused == ("deny",)
    assert found.told()["unused"] == ["deny"]
    # it stays when something else is changed
    assert ("deny", "2C5") in found.lines
    show("P", found)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "stream 100"
    assert said[1] == "deny 2C5  (not used: of another application than runs here)"


def test_a_board_of_before_says_nothing_of_that():
    assert told({"name": "stream", "words": "100"}).unused == ()


def test_every_setting_has_an_example_that_the_board_takes(monkeypatch):
    package = ModuleType("board_commands")
    package.__path__ = [str(FIRMWARE / "commands")]
    monkeypatch.setitem(sys.modules, "board_commands", package)
    monkeypatch.setitem(sys.modules, "canbean", sys.modules[module("lines").__package__])
    checked = importlib.import_module("board_commands.checked")
    assert set(settings.EXAMPLES) == {*checked.NUMBERS, *checked.LISTS, *checked.METER, "slot"}
    for name, words in settings.EXAMPLES.items():
        assert checked.checked([name, *words.split()])
        # what is a number here is one there
        assert words.isdigit() == (name in checked.NUMBERS)
        assert settings.setting(f" {name}  {words}") == f"set {name} {words}"


def test_a_value_that_is_missing_or_no_number_is_said_before_the_board_is_asked():
    for name, words in settings.EXAMPLES.items():
        with pytest.raises(UsageError, match=f"^{name}: its value is missing: --set '{name} {words}'$"):
            settings.setting(name)
    for words in ("threshold abc", "threshold 1.5", "threshold 0x10", "baud 9600 8N1"):
        name = words.split()[0]
        with pytest.raises(UsageError, match=f"^{words}: give one whole number: --set '{name} [0-9]+'$"):
            settings.setting(words)
    assert settings.setting("threshold -16") == "set threshold -16"
    # what the board says no to, in its words
    assert settings.setting("nothing") == "set nothing"
