"""MicroPython on a bare virtual board: the VM on a terminal of its own, and what starts it again.

A reset of the chip (`machine.reset`) kills the VM; a soft reset ends it. In a raw REPL a soft reset comes back to the raw REPL and does
not run `main.py`, as on a board.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canbean.board.bare.faults import Faults

CHIP = Path(__file__).with_name("chip")
# In the VM's own words, so that the names of modules, which take heap, stay as short as on a board.
START = "import start\nif start.there:\n    del start\n    import main\n"
# A session leader that opens a terminal has it as its own: then a ctrl-C there interrupts it. Before the VM listens for that it
# must not end by it.
ON_TERMINAL = 'trap "" INT; exec "$@" <>"$0" >&0 2>&0'
STARTED = b"\n"
"""What the chip says before `main.py` (`chip/start.py`), and first of all."""
INTERRUPT_S = 0.2
"""From one ctrl-C to the next: between two things that it runs the VM ends by one."""
PROMPT = b">>> "
LINE = b"}\n"
"""The end of what an application says."""
RAW = b"raw REPL; CTRL-B to exit"
REBOOT = b"MPY: soft reboot\r\n"
POWER_ON, SOFT = 0, 4


class Supervisor:
    """The VM of a bare virtual board, and its terminal.

    Attributes:
        line: file descriptor of the terminal's other end; -1 while nothing runs.
        listens: whether it takes what is typed: a VM that starts forgets it, all but a ctrl-C, where a board keeps it.
    """

    def __init__(
        self,
        vm: str,
        heap: str,
        flash: Path,
        files: tuple[int, int],
        faults: Faults,
        *,
        rom_bytes: int = 0,
        stdio: bool = False,
    ) -> None:
        """Nothing runs yet.

        Args:
            vm: the VM's program.
            heap: as its -X heapsize takes it.
            flash: the file that is the flash.
            files: where in it the file system begins, and of how many sectors it is.
            faults: what goes wrong.
            rom_bytes: of the ROMFS before the files; 0 for none.
            stdio: whether the board's serial line is its REPL's.
        """
        self.line = -1
        self.listens = False
        # nothing has been said; an application is there, and when it was last interrupted
        self._silent = self._started = False
        self._interrupted_at = 0.0
        self._command = [vm, "-X", f"heapsize={heap}", "-i", "-c", START]
        self._flash = flash
        self._files = files
        self._rom_bytes = rom_bytes
        self._stdio = stdio
        self._faults = faults
        self._process: subprocess.Popen[bytes] | None = None
        # in a raw REPL; on the way to one, and what has come meanwhile
        self._raw = self._towards_raw = False
        self._tail = b""

    def start(self, cause: int = POWER_ON, *, raw: bool = False) -> None:
        """Start the VM; `raw`: into a raw REPL, without `main.py`."""
        import tty  # noqa: PLC0415  # POSIX only, as is the rest of this

        self.stop()
        first, sectors = self._files
        if self._faults.files_bytes:
            sectors = min(sectors, self._faults.files_bytes // 4096)
        said = {
            "MICROPYPATH": str(CHIP),
            "CANBEAN_FLASH": str(self._flash),
            "CANBEAN_FILES": str(first),
            "CANBEAN_BLOCKS": str(sectors),
            "CANBEAN_CAUSE": str(cause),
            **({"CANBEAN_RAW": "1"} if raw else {}),
            **({"CANBEAN_STDIO": "1"} if self._stdio else {}),
            **({"CANBEAN_ROM": str(self._rom_bytes)} if self._rom_bytes else {}),
            **({} if self._faults.mpy is None else {"CANBEAN_MPY": str(self._faults.mpy)}),
        }
        self.line, terminal = os.openpty()
        try:
            import termios  # noqa: PLC0415

            # no echo, no translation; but a ctrl-C interrupts
            tty.setraw(terminal)
            mode = termios.tcgetattr(terminal)
            mode[3] |= termios.ISIG
            termios.tcsetattr(terminal, termios.TCSANOW, mode)
            os.set_blocking(self.line, False)
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", ON_TERMINAL, os.ttyname(terminal), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **said},
                # whatever goes wrong before it has its own files
                cwd=self._flash.parent,
                start_new_session=True,
            )
            # the shell has opened it when it says so; until then it must not be closed
            self._terminal = terminal
        except BaseException:
            os.close(terminal)
            raise
        self._raw, self._towards_raw, self._tail = raw, raw, b""
        self.listens = self._started = False
        self._silent = True

    def heard(self, data: bytes) -> bytes:
        """What the VM has written, as the host sees it."""
        self._started = self._started or (self._silent and data.startswith(STARTED))
        self._silent = False
        self._tail = (self._tail + data)[-64:]
        if self._towards_raw:
            if not self._tail.endswith(PROMPT):
                return b""
            self._towards_raw = False
            self.listens = True
            os.write(self.line, b"\x01")
            return b""
        self.listens = self.listens or PROMPT in self._tail or LINE in self._tail
        if RAW in self._tail:
            self._raw, self._tail = True, b""
        elif PROMPT in self._tail:
            self._raw, self._tail = False, b""
        return data

    def interrupt(self) -> None:
        """Have the application that starts stop, so that there is a prompt instead."""
        now = time.monotonic()
        if self._started and now - self._interrupted_at > INTERRUPT_S:
            self._interrupted_at = now
            os.write(self.line, b"\x03")

    def ended(self) -> bytes | None:
        """None while the VM runs; else it has been started again, and this is what the host sees of that."""
        if self._process is None or self._process.poll() is None:
            return None
        if self._process.returncode == -signal.SIGKILL:
            self.start(SOFT)
            return b""
        self.start(SOFT, raw=self._raw)
        return REBOOT

    def stop(self) -> None:
        """As if its power were cut."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self.line)
        os.close(self._terminal)
        self._process, self.line = None, -1
