"""Places in flat arrays that several files name: everywhere the same."""

import re

import pytest

from canbean.board import firmware

FILES = {
    path.name: path for room in ("canbean", "commands") for path in (firmware.folder() / room).glob("*.py")
}
CONSTANT = re.compile(r"^_?([A-Z_]+) = (?:const\()?([^#)]+)\)?", re.MULTILINE)
BLOCK = re.compile(r"^# As in (\w+\.py)\.\n((?:_[A-Z_]+ = .+\n)+)", re.MULTILINE)


def blocks():
    """File, the file that says what its constants are, and these."""
    for name in sorted(FILES):
        for source, text in BLOCK.findall(FILES[name].read_text()):
            yield name, source, dict(CONSTANT.findall(text))


@pytest.mark.parametrize(("name", "source", "found"), list(blocks()))
def test_constants_are_those_of_the_file_they_are_from(name, source, found):
    stated = dict(CONSTANT.findall(FILES[source].read_text()))
    assert found == {key: stated[key] for key in found}, name


def test_the_files_of_the_frame_path_are_among_them():
    assert {
        "alert_words.py",
        "known_words.py",
        "stranger_words.py",
        "bus.py",
        "fingerprint_plain.py",
        "order.py",
        "watch.py",
        "signals_plain.py",
    } <= {name for name, *_ in blocks()}


def test_so_are_those_of_commands():
    assert {"settle.py", "status.py", "store_pack.py"} <= {name for name, *_ in blocks()}
