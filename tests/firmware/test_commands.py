"""Commands that are files: imported when they come, and gone afterwards."""

import json

import pytest

from canbean.board import firmware

CONSOLE = """
import gc, json, sys
from canbean.console import Console

class Board:
    CHUNK = 64
    WINDOW = 10
    NAME = "test"
    ticks_ms = staticmethod(lambda: 0)
    heap_free = staticmethod(lambda: None)
    def open_serial(self):
        return None, None, written.append

written = []
app = []
console = Console(Board(), "test", app)
outcome = []
for text in {texts}:
    try:
        console._command(text)
        outcome.append("done")
    except Exception as error:
        outcome.append(type(error).__name__ + ": " + str(error))
left = [name for name in sys.modules if name.startswith("commands")]
print(json.dumps([app, outcome, left]))
"""

TEXTS = [b"tell 1 two", b"tell", b"nothing", b"../tell", b"tell.py", b"broken", b"fails", b"tell last"]


@pytest.fixture
def board(tmp_path):
    firmware.build(tmp_path, "gateway", "linux")
    for name, source in (
        ("tell", "def run(app, words):\n    app.append(words)\n"),
        ("broken", "import nowhere\n"),
        ("fails", "def run(app, words):\n    raise ValueError('not so')\n"),
    ):
        (tmp_path / "commands").mkdir(exist_ok=True)
        (tmp_path / "commands" / f"{name}.py").write_text(source)
    return tmp_path


def test_a_command_is_a_file(board, vm):
    app, outcome, left = json.loads(vm.run(CONSOLE.format(texts=TEXTS), path=(board,)))
    assert app == [["1", "two"], [], ["last"]]
    assert outcome[:2] == ["done", "done"]
    assert [words.split(":")[0] for words in outcome[2:7]] == [
        "ValueError",
        "ValueError",
        "ValueError",
        "ImportError",
        "ValueError",
    ]
    assert "nothing" in outcome[2]
    assert "nowhere" in outcome[5]
    assert "not so" in outcome[6]
    assert left == []
