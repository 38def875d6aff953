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


@pytest.fixture
def checked(monkeypatch):
    """What a board says of settings."""
    package = ModuleType("board_commands")
    package.__path__ = [str(FIRMWARE / "commands")]
    monkeypatch.setitem(sys.modules, "board_commands", package)
    monkeypatch.setitem(sys.modules, "canbean", sys.modules[module("lines").__package__])
    return importlib.import_module("board_commands.checked")


def test_every_setting_has_an_example_that_the_board_takes(checked):
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


def test_a_name_that_is_none_lists_those_that_there_are(checked):
    for text in ("colour blue", "colour", "colour=blue", ""):
        for command in (settings.setting, settings.unsetting):
            with pytest.raises(
                UsageError, match=r"^no such setting: .*: there are threshold, allow, .*, slot$"
            ):
                command(text)
    for command in (settings.setting, settings.unsetting):
        with pytest.raises(UsageError, match=r"^threshold=16: with a space: 'threshold 16'"):
            command("threshold=16")
    assert settings.unsetting(" allow  2C5 ") == "unset allow 2C5"
    assert settings.unsetting("refused") == "unset refused"
    for slot in settings.SLOTS:
        assert settings.setting(f"slot {slot}") == "set " + " ".join(checked.checked(["slot", slot]))
    with pytest.raises(UsageError, match=r"^slot zz\.cbm: give one of a\.cbm, b\.cbm, "):
        settings.setting("slot zz.cbm")
