"""The texts of HCRL: `Timestamp: 1479121434.850202        ID: 0350    000    DLC: 8    05 28 84 66 6d 00 00 a2`.

The first of the three digits behind the id is 1 for a remote request. Ids have four digits: above 7FF they are extended.
The format is that of "Car-Hacking Dataset" (normal_run_data.txt) and "OTIDS", ocslab.hksecurity.net.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, RTR
from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "HCRL text"
ENDINGS = (".hcrl.txt",)
REASONS = (
    "",
    "not `Timestamp: seconds ID: id 000 DLC: length bytes`",
    "the time is not a number of seconds",
    "the id is not a hexadecimal CAN identifier",
    "the length is not a number from 0 to 8",
    "not as many hexadecimal bytes as the length",
)
LOOKS = re.compile(
    rb"^[ \t]*Timestamp:[ \t]+\d+\.\d+[ \t]+ID:[ \t]+[0-9A-Fa-f]+[ \t]+[01]{3}[ \t]+DLC:", re.MULTILINE
)


def looks(head: bytes) -> bool:
    """Whether a line of the text looks like one of this format."""
    return LOOKS.search(head) is not None


def begin(_head: bytes) -> None:
    """Nothing: there is no header."""


def parse(lines: Lines, tables: Tables, _state: None = None) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    row = words.between_blanks(lines)
    good = row.equals(0, b"Timestamp:") & row.equals(2, b"ID:") & row.equals(5, b"DLC:")
    good &= row.equals(4, b"000", b"100", b"001", b"010", b"011", b"101", b"110", b"111")
    rows = np.flatnonzero(good & (row.count >= 7))
    row = row[rows]
    text = row.text
    t_us, timed = fields.microseconds(text, *row.at(1))
    id_, named = words.identifier(text, row.at(3))
    remote = row.letter(4) == ord("1")
    dlc, sized = fields.number(text, *row.at(6), 10, 1)
    sized &= dlc <= 8
    dlc = np.where(sized, dlc, 0)
    data, held = words.octets(row, 7, np.where(remote, 0, dlc))
    checks = {2: timed, 3: named, 4: sized, 5: held & (remote | (row.count == 7 + dlc))}
    columns = words.Columns(t_us=t_us, id=id_, ext=id_ > 0x7FF, dlc=dlc, data=data, flags=RTR * remote)
    return words.frames(reason, rows, columns, checks, tables), reason


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    refused = {
        "labels": frames.label != 0,
        "CAN FD and error frames": frames.flags & (FD | ERR) != 0,
        "more than 8 bytes": frames.dlc > 8,
        "29-bit ids up to 7FF": frames.ext & (frames.id <= 0x7FF),
        "times before 0": frames.t_us < 0,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.unnamed(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames."""
    return map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    remote = frames.flags & RTR != 0
    out = Columns(len(frames))
    out.constant(b"Timestamp: ").seconds(frames.t_us, at_least=10).constant(b"        ID: ")
    out.add(*hexadecimal(frames.id.astype(np.int64), 4)).constant(b"    ")
    out.constant(b"100", where=remote).constant(b"000", where=~remote).constant(b"    DLC: ")
    out.add(*whole(frames.dlc.astype(np.int64), 1)).constant(b"   ")
    channels.spaced(out, frames.data, np.where(remote, 0, frames.dlc))
    return out.constant(b"\n").bytes()
