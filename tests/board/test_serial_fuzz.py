"""Whatever comes over the line: the board goes on, and without its key nothing on it changes."""

import hashlib
import random
import time

import numpy as np
import pytest

from canbean.board import Board, VirtualBoard, firmware, settings, update
from canbean.board.packets import packets
from canbean.tiny import cbm
from model_cases import KEY, small

pytestmark = pytest.mark.usefixtures("vm")

INPUTS = 10_000
TOGETHER = 250
COMMANDS = [path.stem for path in sorted((firmware.folder() / "commands").glob("*.py"))]
COMMANDS += ["hello", "read", "sample"]
WORDS = [
    "", "0", "1", "-1", "3", "threshold", "allow", "deny", "bitrate", "listen", "slot", "a.cbm", "b.cbm", "2C5", "model", "settings",
    "712", "0" * 64, KEY.hex()[::-1], "none", "99999999999999999999", "2C5#00..FF", "x" * 60, "%s%n", "../key", "\u00e9",
]  # fmt: skip


def word(dice):
    if dice.random() < 0.8:
        return dice.choice(WORDS)
    return "".join(chr(dice.randrange(33, 127)) for _ in range(dice.randrange(20)))


def packet(dice):
    kind = dice.choice([1, 2, 3, 3, dice.randrange(1, 32)])
    content = bytes([kind]) + dice.choice([bytes(3), dice.randbytes(3)]) + dice.randbytes(dice.randrange(56))
    if content[0] in {0, 10, 13}:
        content = b"\x03" + content[1:]
    return packets(np.frombuffer(content, np.uint8)[:, None]).tobytes()


def random_input(dice):
    """Noise, a command with any words, a packet, or a half of one."""
    kind = dice.randrange(10)
    if kind == 0:
        return dice.randbytes(dice.randrange(1, 200))
    if kind < 6:
        words = [dice.choice(COMMANDS), *(word(dice) for _ in range(dice.randrange(4)))]
        if dice.random() < 0.2:
            words[:0] = ["auth", dice.randbytes(16).hex()]
        return " ".join(words).encode() + dice.choice([b"\n", b"\r", b"\n", b"\0", b""])
    made = packet(dice)
    if kind == 6:
        made = made[: dice.randrange(len(made))]
    elif kind == 7:
        at = dice.randrange(len(made))
        made = made[:at] + dice.randbytes(1) + made[at + 1 :]
    return made


def files(virtual):
    """The board's files, but for the one that counts starts and those that wait to be used."""
    return {
        path.relative_to(virtual.folder): path.read_bytes()
        for path in virtual.folder.rglob("*")
        if path.is_file() and path.name not in {"boot", "stderr"}
    }


def sent(board, dice, count, left_out=()):
    """Send so many inputs; what the board said of them by type."""
    said = {}
    for start in range(0, count, TOGETHER):
        data = [random_input(dice) for _ in range(min(TOGETHER, count - start))]
        for one in data:
            if not any(name in one for name in left_out):
                board.write(one)
                heard(board, said)
        # ends whatever is half there; and what still speaks has gone on
        board.command("")
        board.command("hello")
        until = said.get("hello", 0) + 1
        while said.get("hello", 0) < until:
            heard(board, said)
    quiet = time.monotonic()
    while time.monotonic() < quiet + 0.5:
        for record in board.read():
            quiet = time.monotonic()
            said[record.values["type"]] = said.get(record.values["type"], 0) + 1
    return said


def heard(board, said):
    if board._serial.in_waiting:
        for record in board.read():
            kind = record.values["type"]
            said[kind] = said.get(kind, 0) + 1


def test_with_a_key_nothing_changes(tmp_path):
    cbm.write(tmp_path / "m.cbm", small("FPRN"), KEY)
    with VirtualBoard(tmp_path / "m.cbm", key=KEY, heap="48wK") as virtual, Board(virtual.port) as board:
        settings.write(board, settings.Settings((("threshold", "4"), ("allow", "2C5"))), KEY)
        update.send_model(board, cbm.pack(small("FPRN"), KEY), "m", KEY)
        before, boot, was = files(virtual), board.lines.boot, settings.read(board)
        said = sent(board, random.Random(1), INPUTS)
        assert files(virtual) == before
        assert board.lines.boot == boot
        assert settings.read(board) == was
        status = board.ask("status", "status").values
    assert said["error"] > 1000
    assert said["challenge"] > 20
    assert status["errors"] > 2000
    assert status["noise"] > 500
    assert status["frames"] == 0


def test_without_one_it_goes_on(tmp_path):
    cbm.write(tmp_path / "m.cbm", small("FPRN"))
    with VirtualBoard(tmp_path / "m.cbm", heap="48wK") as virtual, Board(virtual.port) as board:
        firmware_files = {path: text for path, text in files(virtual).items() if len(path.parts) > 1}
        # what ends it by design, and a key, with which it would take no more
        sent(board, random.Random(2), 2000, (b"quit", b"key"))
        now = files(virtual)
        assert all(now[path] == text for path, text in firmware_files.items())
        blob = cbm.pack(small("FPRN"))
        update.send_model(board, blob, "m")
        assert board.hello["golden"] == "ok"
        assert hashlib.sha256((virtual.folder / settings.read(board).slot).read_bytes()).digest()[-32:]
