"""What a board tells of its settings, those that its application does not have among them, as the host reads and prints it."""

from types import SimpleNamespace

from canbean.board import settings
from canbean.cli.board_update import show

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
