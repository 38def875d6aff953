"""What the console watches over while it runs: the watchdog, and a start that holds."""

import json

import pytest

from canbean.board import firmware

RUN = """
import json, os
from canbean.console import Console

fed = []
turns = []

class Board:
    CHUNK = 64
    WINDOW = 10
    NAME = "test"
    now = 0
    class Dog:
        def feed(self):
            fed.append(len(turns))
    heap_free = staticmethod(lambda: None)
    def watchdog(self):
        return self.Dog()
    def ticks_ms(self):
        self.now += {step}
        return self.now & 0x3FFFFFFF
    def open_serial(self):
        return (lambda ms: None), (lambda buffer: 0), (lambda data: None)

board = Board()
console = Console(board, "test")
console.counts = tuple

def turn():
    turns.append("boot" in os.listdir())
    if len(turns) == 200:
        raise EOFError
    if len(turns) % 2:
        raise OSError("the driver stumbles")

console.turn = turn
console.run()
print(json.dumps([fed, turns]))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    firmware.build(folder, "gateway", "linux")
    return folder


def run(vm, built, folder, step):
    return json.loads(vm.run(RUN.format(step=step), path=(built,), cwd=folder))


def test_the_watchdog_is_fed_after_a_turn_and_not_after_an_error(vm, built, tmp_path):
    fed, _ = run(vm, built, tmp_path, 1)
    assert fed == list(range(2, 200, 2))


def test_a_start_that_runs_for_a_minute_has_not_failed(vm, built, tmp_path):
    (tmp_path / "boot").write_text("2")
    # a turn that does not fail asks once for the time
    _, turns = run(vm, built, tmp_path, 1000)
    assert 110 < turns.index(False) < 130
    assert not any(turns[turns.index(False) :])
    (tmp_path / "boot").write_text("2")
    _, turns = run(vm, built, tmp_path, 100)
    assert all(turns)


STARTS = """
import json, os
from commands.boot import start
from commands.crash import failed, reason

class Board:
    def reset(self, error):
        pass

class Telling(Board):
    def failed(self):
        return self.crashed

said = []
board = Board()
for n in range(5):
    said.append([bool(start(board)), reason()])
    failed(board, ValueError("no %d" % n))
os.remove("boot")
board = Telling()
for board.crashed in (True, True, False, True, True, True, True):
    said.append([bool(start(board)), open("boot").read()])
for text in (b"", b"x", b"33", b"\\xff", b"2\\xc3"):
    with open("boot", "wb") as file:
        file.write(text)
    said.append([bool(start(Board())), reason()])
print(json.dumps(said))
"""


def test_starts_are_counted(vm, built, tmp_path):
    said = json.loads(vm.run(STARTS, path=(built,), cwd=tmp_path))
    assert said[:5] == [
        [False, ""],
        [False, "ValueError: no 0"],
        [False, "ValueError: no 1"],
        [True, "ValueError: no 2"],
        [True, "ValueError: no 3"],
    ]
    # where the board knows that the power was off, the count begins anew
    assert said[5:12] == [
        [False, "1"], [False, "2"], [False, "1"], [False, "2"], [False, "3"], [True, "3"], [True, "3"],
    ]  # fmt: skip
    # a file that holds no count is none
    assert said[12:] == [[False, ""], [False, ""], [True, "3"], [False, ""], [False, ""]]
