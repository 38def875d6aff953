"""An RP2040's drive: a folder stands for it. And a board that only its reset line stops."""

import json
import threading

import pytest

from canbean.board.bare import BareBoard
from canbean.board.bare.image import image
from canbean.board.flash import images, repl, steps, uf2
from canbean.board.flash.repl import Repl
from canbean.errors import BoardError
from canbean_run import canbean

INFO = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
BLOCK = (images.UF2 + bytes(20) + images.UF2_RP2040).ljust(512, b"\0")


@pytest.fixture
def drives(tmp_path, monkeypatch):
    """Where drives are: three folders, one of which is a waiting RP2040's."""
    for name, info in (
        ("pico", INFO),
        ("other", "UF2 Bootloader v1.0\r\nBoard-ID: RP2350\r\n"),
        ("stick", ""),
    ):
        (tmp_path / name).mkdir()
        if info:
            (tmp_path / name / uf2.INFO).write_text(info)
    monkeypatch.setattr(uf2, "places", lambda: sorted(tmp_path.iterdir()))
    return tmp_path


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_every_system_has_places_for_drives(system, monkeypatch):
    monkeypatch.setattr(uf2.sys, "platform", system)
    assert all(len(str(place)) > 1 for place in uf2.places())
    if system == "win32":
        assert len(uf2.places()) == 24


def test_the_drive_is_found_among_others_and_takes_the_image(drives):
    assert uf2.wait(0) == drives / "pico"
    uf2.copy(BLOCK, drives / "pico")
    assert (drives / "pico" / "image.uf2").read_bytes() == BLOCK
    (drives / "stick" / uf2.INFO).write_text(INFO)
    with pytest.raises(BoardError, match="several boards wait for an image"):
        uf2.wait(0)


def test_none_is_waited_for(drives):
    (drives / "pico" / uf2.INFO).unlink()
    assert uf2.wait(0) is None
    late = threading.Timer(0.3, (drives / "pico" / uf2.INFO).write_text, [INFO])
    late.start()
    assert uf2.wait(60) == drives / "pico"


def test_a_drive_that_takes_nothing(drives):
    (drives / "pico" / "image.uf2").mkdir()
    with pytest.raises(BoardError, match=r"not written: .*hold BOOTSEL"):
        uf2.copy(BLOCK, drives / "pico")
    # it went away with the last block: so it has taken all
    uf2.copy(BLOCK, drives / "gone")


@pytest.mark.usefixtures("vm")
def test_a_pico_gets_its_image(drives, tmp_path, monkeypatch):
    """Its prompt is a bare virtual board's, for which nothing of its own kind is here."""
    mark = drives / "pico" / uf2.INFO
    mark.unlink()
    (tmp_path.parent / "pico.uf2").write_bytes(BLOCK)
    monkeypatch.setattr(steps.found, "ASK_S", 0.3)
    real = Repl.run

    def run(self, code):
        if "machine.bootloader()" in code:
            # it goes away, and is a drive
            mark.write_text(INFO)
            raise BoardError("the board went away")
        return real(self, code)

    monkeypatch.setattr(Repl, "run", run)
    with BareBoard() as board:
        board.flash.write(0, image())
        board.unplug()
        board.plug()
        words = ("-b", "pico", "-p", board.port, "--only", "image", "--image", tmp_path.parent / "pico.uf2")
        done = canbean("board", "flash", *words, "--dry-run")
        assert "copy it onto its drive" in done.out
        assert not mark.exists()
        done = canbean("board", "flash", *words, "--json")
        assert done.code == 0, done.err
        assert "copied onto its drive" in json.loads(done.out)["steps"][0]["words"]
        assert (drives / "pico" / "image.uf2").read_bytes() == BLOCK
    mark.unlink()
    monkeypatch.setattr(uf2, "WAIT_S", 0.1)
    with BareBoard() as board:
        done = canbean("board", "flash", "-b", "pico", "-p", board.port, *words[4:])
        assert done.code == 1
        assert "no drive RPI-RP2; the board is as it was: hold BOOTSEL" in done.err


class Line:
    """A serial line to a board whose program hears no ctrl-C until it is reset by RTS, with DTR let go."""

    def __init__(self, lines=True):
        self.lines = lines
        self.moved = []
        self.listens = False
        self.said = b"}"

    def __setattr__(self, name, value):
        if name in {"dtr", "rts"}:
            if not self.lines:
                raise OSError(25, "no such line")
            self.moved.append((name, value))
            self.listens = self.moved[-3:] == [("dtr", False), ("rts", True), ("rts", False)]
        super().__setattr__(name, value)

    @property
    def in_waiting(self):
        return len(self.said)

    def read(self, size):
        said, self.said = self.said[:size], self.said[size:]
        return said

    def write(self, data):
        if self.listens and b"\x03" in data:
            self.said += b"\r\n>>> "


class Transport:
    use_raw_paste = True

    def __init__(self, port, **_):
        self.serial = port

    def enter_raw_repl(self, **_):
        pass

    def exec(self, code):
        return code.encode()

    def close(self):
        pass


def test_a_program_that_hears_nothing_is_stopped_by_the_reset_line(monkeypatch):
    monkeypatch.setattr(repl, "SerialTransport", Transport)
    line = Line()
    assert Repl(line, patience=0.5).run("1") == "1"
    assert line.moved == [("dtr", False), ("rts", True), ("rts", False)]
    for line, reset in ((Line(), False), (Line(lines=False), True)):
        with pytest.raises(BoardError, match="no MicroPython answers"):
            Repl(line, reset=reset, patience=0.2)
        assert not line.moved
