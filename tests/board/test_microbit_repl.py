"""A second real REPL: Debian's MicroPython for the micro:bit on qemu's, an old one of another maker's port. Skipped where they are not installed."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import serial

from canbean.board.firmware import MPY_VERSION
from canbean.board.flash import job, partition
from canbean.board.flash.repl import Repl
from canbean.board.profiles import profile
from canbean.errors import BoardError

QEMU = shutil.which("qemu-system-arm")
IMAGE = Path("/usr/share/firmware-microbit-micropython/firmware.hex")
pytestmark = pytest.mark.skipif(
    QEMU is None or not IMAGE.is_file(), reason="needs qemu-system-arm and firmware-microbit-micropython"
)


@pytest.fixture(scope="module")
def microbit():
    command = [QEMU, "-M", "microbit", "-display", "none", "-monitor", "none", "-serial", "pty"]
    with subprocess.Popen(
        [*command, "-device", f"loader,file={IMAGE}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said = re.search(r"redirected to (\S+)", process.stdout.readline())
            assert said, "qemu names no pty"
            yield said[1]
        finally:
            process.kill()


def test_what_runs_there(microbit):
    with Repl(microbit) as repl:
        about = repl.about()
        assert (about.version, about.platform, about.architecture) == ("1.9.2", "microbit", None)
        with pytest.raises(BoardError, match=r"reads .mpy version 0, .* no firmware was copied"):
            job.refuse_old(profile("pico"), microbit, about.mpy, about.version, MPY_VERSION)
        assert partition.find(repl) is None


def test_code_and_its_errors(microbit):
    with Repl(microbit) as repl:
        assert repl.run("print(6 * 7)").strip() == "42"
        with pytest.raises(BoardError, match="ZeroDivisionError"):
            repl.run("1 // 0")
        # longer than what its line takes at once
        assert repl.run(f"x = {'a' * 1500!r}\nprint(len(x))").strip() == "1500"


def test_what_runs_is_interrupted_and_forgotten(microbit):
    with Repl(microbit) as repl:
        repl.run("kept = 1")
    with serial.Serial(microbit, 115200) as line:
        line.write(b"\x02while True: pass\r\r\r")
        time.sleep(0.3)
    with Repl(microbit) as repl, pytest.raises(BoardError, match="NameError"):
        repl.run("print(kept)")
