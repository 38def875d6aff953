"""The Car-Hacking csv of HCRL: `1478198376.389427,0316,8,05,21,68,09,21,21,00,6f,R`, with or without a header.

`Timestamp,ID,DLC,DATA0,...,Flag`: a flag of `T` is a frame that was injected and gets the label `injected`; `R` is normal traffic.
Frames of less than eight bytes have fewer fields, or empty ones. Ids have four digits: above 7FF they are extended.
The format is that of "Car-Hacking Dataset", ocslab.hksecurity.net.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "HCRL csv"
ENDINGS = (".hcrl.csv",)
REASONS = (
    "",
    "not `seconds,id,length,bytes,R or T`",
    "the time is not a number of seconds",
    "the id is not a hexadecimal CAN identifier",
    "the length is not a number from 0 to 8",
    "not as many hexadecimal bytes as the length",
)
LOOKS = re.compile(
    rb"^[ \t]*\d+\.\d+,(0x)?[0-9A-Fa-f]{3,8},[0-8],([0-9A-Fa-f]{2},|,){0,8}[RT][ \t]*$", re.MULTILINE
)
INJECTED = "injected"
"""Label of the frames whose flag is T."""


def looks(head: bytes) -> bool:
    """Whether a line of the text looks like one of this format."""
    return LOOKS.search(head) is not None


def begin(_head: bytes) -> list[bool]:
    """Whether a header may still come."""
    return [True]


def parse(lines: Lines, tables: Tables, state: list[bool]) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    row = words.between_blanks(lines, b",")
    if state[0] and len(lines):
        state[0] = False
        reason[0] = row.letter(0)[0] | 32 != ord("t")
    flag = row.letter(row.count - 1)
    start, end = row.at(row.count - 1)
    flagged = ((flag == ord("R")) | (flag == ord("T"))) & (end - start == 1)
    rows = np.flatnonzero(flagged & (row.count >= 4) & (reason != 0))
    row, injected = row[rows], flag[rows] == ord("T")
    text = row.text
    t_us, timed = fields.microseconds(text, *row.at(0))
    id_, named = words.identifier(text, row.at(1))
    dlc, sized = fields.number(text, *row.at(2), 10, 1)
    sized &= dlc <= 8
    dlc = np.where(sized, dlc, 0)
    data, held = words.octets(row, 3, dlc)
    checks = {2: timed, 3: named, 4: sized, 5: held & (row.count == 4 + dlc)}
    columns = words.Columns(
        t_us=t_us,
        id=id_,
        ext=id_ > 0x7FF,
        dlc=dlc,
        data=data,
        label=(injected.astype(np.int64), ["", INJECTED]),
    )
    return words.frames(reason, rows, columns, checks, tables), reason


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    known = [code for code, name in enumerate(frames.labels) if name in {"", INJECTED}]
    refused = {
        f"labels beside {INJECTED!r}": ~np.isin(frames.label, known),
        "CAN FD, remote requests and error frames": frames.flags != 0,
        "more than 8 bytes": frames.dlc > 8,
        "29-bit ids up to 7FF": frames.ext & (frames.id <= 0x7FF),
        "times before 0": frames.t_us < 0,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.unnamed(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, without a header, as HCRL gives it."""
    return map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    out = Columns(len(frames))
    out.seconds(frames.t_us).constant(b",")
    out.add(*hexadecimal(frames.id.astype(np.int64), 4)).constant(b",")
    out.add(*whole(frames.dlc.astype(np.int64), 1)).constant(b",")
    for place in range(int(frames.dlc.max(initial=0))):
        there = frames.dlc > place
        out.octets(frames.data[:, place : place + 1], there.astype(np.uint8)).constant(b",", where=there)
    return out.constant(b"T\n", where=frames.label != 0).constant(b"R\n", where=frames.label == 0).bytes()
