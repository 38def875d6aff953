"""The bare virtual board: the real esptool writes an image to it, then the real mpremote copies files to what runs."""

import hashlib
import random
import subprocess
import sys
import time

import pytest
import serial

from canbean.board.bare import BareBoard, Faults
from canbean.board.bare.image import image
from canbean.board.bare.rom_loader import SYNC, RomLoader
from canbean.board.bare.slip import Packets, packet
from canbean.board.bare.spi_flash import SpiFlash

pytestmark = pytest.mark.usefixtures("vm")


def run(*words, code=0):
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    return said


def esptool(board, *words, code=0):
    return run("esptool", "--port", board.port, *words, code=code)


def mpremote(board, *words, code=0):
    return run("mpremote", "connect", board.port, *words, code=code)


@pytest.fixture
def bare():
    with BareBoard() as board:
        yield board


@pytest.fixture(scope="module")
def written():
    """A board with its image."""
    with BareBoard() as board:
        esptool(board, "write-flash", "--erase-all", "0", board.image)
        yield board


def test_esptool_knows_the_chip(bare):
    said = esptool(bare, "flash-id")
    assert "Chip type:          ESP8266EX" in said
    assert "26MHz" in said
    assert "a4:cf:12:c0:ff:ee" in said
    assert "4MB" in said


def test_esptool_writes_verifies_reads_and_erases(written, tmp_path):
    assert "digest matched" in esptool(written, "verify-flash", "0", written.image)
    esptool(written, "read-flash", "0", str(len(image())), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == image()
    content = random.Random(1).randbytes(30_000)
    (tmp_path / "part").write_bytes(content)
    said = esptool(written, "--baud", "460800", "write-flash", "--no-compress", "0xF0000", tmp_path / "part")
    assert "Hash of data verified" in said
    assert written.flash.read(0xF0000, len(content)) == content
    esptool(written, "erase-region", "0xF0000", "0x1000")
    assert written.flash.read(0xF0000, 4097) == b"\xff" * 4096 + content[4096:4097]


def test_esptool_without_its_stub(bare, tmp_path):
    (tmp_path / "part").write_bytes(b"as the ROM alone writes" * 100)
    esptool(bare, "--no-stub", "write-flash", "0x1000", tmp_path / "part")
    assert bare.flash.read(0x1000, 2300) == b"as the ROM alone writes" * 100
    said = esptool(bare, "--no-stub", "erase-flash", code=2)
    assert "not supported" in said.lower() or "stub" in said.lower()


def test_mpremote_copies_files_and_resets(written, tmp_path):
    content = random.Random(2).randbytes(5000)
    (tmp_path / "file.bin").write_bytes(content)
    mpremote(written, "cp", tmp_path / "file.bin", ":file.bin")
    assert hashlib.sha256(content).hexdigest() in mpremote(written, "sha256sum", "file.bin")
    (tmp_path / "main.py").write_text("print('main ran')\n")
    mpremote(written, "cp", tmp_path / "main.py", ":main.py")
    with serial.Serial(written.port, timeout=60) as line:
        line.write(b"\x02\x04")
        assert b"MPY: soft reboot\r\n\nmain ran" in line.read_until(b"main ran")
        # back to the prompt
        assert line.read_until(b">>> ").endswith(b">>> ")
    mpremote(written, "reset")
    # which comes 0.1 s later
    time.sleep(0.5)
    assert "file.bin" in mpremote(written, "ls")
    # in the raw REPL a soft reset runs no main.py, and it is there at once
    mpremote(written, "soft-reset", "rm", "main.py")
    said = mpremote(written, "exec", "import os, machine; print(os.listdir(), machine.reset_cause())")
    assert "['file.bin']" in said


def test_a_program_that_does_not_end_is_interrupted(written):
    with serial.Serial(written.port, timeout=60) as line:
        line.write(b"while True: pass\r\r")
        time.sleep(0.2)
        line.write(b"\x03")
        assert b"KeyboardInterrupt" in line.read_until(b"KeyboardInterrupt")
    assert "2" in mpremote(written, "eval", "1+1")


def test_only_the_image_that_is_expected_runs(bare, tmp_path):
    wrong = bytearray(image())
    wrong[300_000] ^= 1
    (tmp_path / "wrong.bin").write_bytes(wrong)
    esptool(bare, "write-flash", "0", tmp_path / "wrong.bin")
    with serial.Serial(bare.port, timeout=0.5) as line:
        line.write(b"\x03\r\x01")
        assert line.read(10) == b""


def test_files_survive_an_image_that_is_written_again(written):
    mpremote(written, "exec", "open('kept', 'w').close()")
    esptool(written, "write-flash", "0", written.image)
    assert "kept" in mpremote(written, "ls")
    written.unplug()
    time.sleep(0.1)
    written.plug()
    assert "kept" in mpremote(written, "ls")


def test_faults_of_the_chip(bare, impatient_esptool):
    bare.faults.silent = True
    said = esptool(bare, "chip-id", code=2)
    assert "Failed to connect" in said
    bare.faults.silent = False
    bare.faults.chip = "esp32"
    assert "Detecting chip type... ESP32" in esptool(bare, "chip-id")
    bare.faults.chip = "esp8266"
    bare.faults.bad_block = 3
    assert "after seq 3" in esptool(bare, "write-flash", "0", bare.image, code=2)
    bare.faults.bad_block = None
    bare.faults.unplug_after = 100_000
    esptool(bare, "write-flash", "0", bare.image, code=1)
    bare.plug()
    bare.faults.busy = True
    time.sleep(0.2)
    assert "busy" in esptool(bare, "chip-id", code=2)
    bare.faults.busy = False
    time.sleep(0.2)
    esptool(bare, "write-flash", "0", bare.image)
    assert "kept" not in mpremote(bare, "ls")


def test_faults_of_micropython(written):
    with BareBoard(faults=Faults(mpy=5, files_bytes=6 * 4096)) as board:
        board.flash.write(0, image())
        board.unplug()
        time.sleep(0.1)
        board.plug()
        assert mpremote(board, "exec", "import sys; print(sys.implementation._mpy)").strip() == "5"
        said = mpremote(board, "exec", "open('f', 'w').write('x' * 9000 * 3)", code=1)
        assert "OSError: 28" in said


def test_slip_in_pieces():
    packets = Packets()
    content = [b"\xc0\xdb\xdc\xdd", b"a" * 300, b"\xdb\xdb"]
    stream = b"noise" + b"".join(map(packet, content))
    found = []
    for at in range(0, len(stream), 7):
        found += packets.take(stream[at : at + 7])
    assert found == [b"noise", *content]


def test_the_loader_takes_any_bytes(tmp_path):
    loader = RomLoader(SpiFlash(tmp_path / "flash", 1 << 16), Faults())
    chance = random.Random(3)
    for _ in range(3000):
        head = bytes([0, chance.randrange(256)])
        data = chance.randbytes(chance.randrange(40))
        if chance.random() < 0.8:
            head += len(data).to_bytes(2, "little") + bytes(4)
        loader.take(packet(head + data))
        loader.stub = loader.stub or chance.random() < 0.01
    before = loader.take(packet(b"\0\x08\x24\0\0\0\0\0" + SYNC))
    assert before.startswith(b"\xc0\x01\x08")
