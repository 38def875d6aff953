"""Places in flat arrays that several files name: everywhere the same."""

import re

import pytest

from canbean.board import firmware

FOLDER = firmware.folder() / "canbean"
CONSTANT = re.compile(r"^_?([A-Z_]+) = (?:const\()?([^#)]+)\)?", re.MULTILINE)
BLOCK = re.compile(r"^# As in (\w+\.py)\.\n((?:_[A-Z_]+ = .+\n)+)", re.MULTILINE)


def blocks():
    """File, the file that says what its constants are, and these."""
    for path in sorted(FOLDER.glob("*.py")):
        for source, text in BLOCK.findall(path.read_text()):
            yield path.name, source, dict(CONSTANT.findall(text))


@pytest.mark.parametrize(("name", "source", "found"), list(blocks()))
def test_constants_are_those_of_the_file_they_are_from(name, source, found):
    stated = dict(CONSTANT.findall((FOLDER / source).read_text()))
    assert found == {key: stated[key] for key in found}, name


def test_the_files_of_the_frame_path_are_among_them():
    assert {"alert.py", "bus.py", "order.py", "watch.py", "signals_plain.py"} <= {
        name for name, *_ in blocks()
    }
