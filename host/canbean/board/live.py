"""A gateway on this computer: the firmware's own watch, fed with frames of python-can."""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from canbean.board.firmware import module
from canbean.can.frames import LENGTHS
from canbean.errors import ModelError
from canbean.files import read_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import can

APP = "gateway"
EARLIER_S = 3600
"""So much before the first frame others may still be told apart: a board counts seconds from its start, never below 0."""
RECORD = 19
"""Bytes of a frame record (`firmware/canbean/ring.py`)."""
DATA, FD, REMOTE, ERROR = range(4)
EXTENDED = 1 << 29
PLAN = "PLAN"
"""Section of a watch plan: two masks and six filters, keys (`id | ext << 29`) each, then what is no matter here."""
_CODES = {int(length): code for code, length in enumerate(LENGTHS)}


class LiveWatch:
    """What `firmware/apps/gateway.py` does with the frames of a bus.

    Attributes:
        frames: frames taken.
        unseen: frames that the filters of the model's watch plan keep away, None where it has none.
        digest: of the model, as a board says it.
    """

    def __init__(self, path: str | os.PathLike[str], on_line: Callable[[str, bytes], None]) -> None:
        """Load a model and run its golden frames.

        Args:
            path: model file.
            on_line: is given the type of each line that a board would send and the line as it stands in an alerts file,
                without `boot`, `seq` and `crc`.

        Raises:
            FileError: there is no such file, it is a folder, or it cannot be read.
            ModelError: the firmware refuses the model.
        """
        self.frames = 0
        self.unseen: int | None = None
        self._filters: list[tuple[int, int]] = []
        self._base_s: int | None = None
        self._record = bytearray(RECORD)
        watch = module("watch")
        blob = read_bytes(path, "model")
        # in a folder of its own: a file named `key` beside a model would be a board's key
        with TemporaryDirectory() as folder:
            alone = Path(folder) / "model.cbm"
            alone.write_bytes(blob)
            try:
                loaded = module("model").Model(str(alone), APP, watch.SECTIONS)
                self._watch = watch.Watch(loaded, _lines(on_line))
                self._watch.golden(loaded)
                if PLAN in loaded.sections:
                    self.unseen = 0
                    self._filters = _filters(loaded.read(PLAN))
                loaded.close()
            except (ValueError, OSError, IndexError, struct.error) as error:
                raise ModelError(f"{path}: {error}") from error
        self.digest: str = loaded.digest

    @property
    def alerts(self) -> int:
        """Alerts raised."""
        return int(self._watch.alerts)

    @property
    def unscored(self) -> int:
        """Remote and error frames, which no detector looks at."""
        return int(self._watch.unscored)

    def take(self, message: can.Message) -> None:
        """Score a frame, at its own timestamp."""
        key = message.arbitration_id | message.is_extended_id << 29
        self.frames += 1
        if self.unseen is not None and all((key ^ one) & mask for mask, one in self._filters):
            self.unseen += 1
            return
        s, us = divmod(round(message.timestamp * 1e6), 1_000_000)
        if self._base_s is None:
            self._base_s = max(s - EARLIER_S, 0)
            self._watch.reset(self._base_s)
        kind = ERROR if message.is_error_frame else REMOTE if message.is_remote_frame else int(message.is_fd)
        record = self._record
        record[:4] = max(s - self._base_s, 0).to_bytes(4, "little")
        record[4:7] = (us | _CODES.get(message.dlc, 15) << 20).to_bytes(3, "little")
        record[7:11] = (key | kind << 30).to_bytes(4, "little")
        record[11:] = bytes(message.data[:8]).ljust(8, b"\0")
        self._watch.frame(record, 0)


def _filters(section: bytes) -> list[tuple[int, int]]:
    """Mask and filter, six times: the first two filters belong to the first mask. A filter takes frames of its kind only."""
    mask0, mask1, *filters = struct.unpack_from("<8I", section)
    return [((mask0, mask1)[n > 1] | EXTENDED, one) for n, one in enumerate(filters)]


def _lines(on_line: Callable[[str, bytes], None]) -> Any:
    """The firmware's `Lines`, whose lines go to `on_line` and not onto a serial port."""
    lines = module("lines")

    class Plain(lines.Lines):  # type: ignore[misc, name-defined]  # it is loaded as it runs
        def send(self, kind: str, pairs: Any = (), _seq: int = -1) -> None:
            on_line(kind, b'{"type":"%s",%s}' % (kind.encode(), lines.body(pairs).encode()))

    return Plain(None, "")
