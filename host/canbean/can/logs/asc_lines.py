"""The frames among the events of Vector's ASCII log: classic, CAN FD and error frames each have their order of words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, LENGTHS, RTR
from canbean.can.logs import channels, fields, words
from canbean.can.logs.words import Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.logs.words import Words

    Mask = NDArray[np.bool_]
    Rows = NDArray[np.int64]
    Part = tuple[Rows, Columns, dict[int, Mask]]

NINE, SMALL_X = ord("9"), ord("x")
CASE = 0x20
REMOTE_FLAG = 0x10
"""Bit of the flags of a CAN FD line: a remote request."""


def read(word: Words, timed: Mask, base: int) -> Part:
    """The lines that are frames, what they say (without the time), and for each reason which rows are free of it."""
    numbered = timed & (word.letter(1) <= NINE) & (word.letter(1) > 0)
    sent = numbered & (word.count > 4) & word.equals(3, b"Rx", b"Tx")
    usual = np.flatnonzero(sent)
    parts = [_classic(word, usual, base)]
    if len(usual) < len(word):
        wrong = np.flatnonzero(numbered & ~sent & word.equals(2, b"ErrorFrame", b"errorframe"))
        fd = np.flatnonzero(timed & word.equals(1, b"CANFD") & word.equals(3, b"Rx", b"Tx"))
        error = word[fd].equals(4, b"ErrorFrame", b"errorframe")
        parts += [_error(word, wrong, 1), _error(word, fd[error], 2)]
        # A name may stand after the id.
        named = (word[fd].letter(5) > NINE) & ~error
        parts += [_fd(word, fd[~named & ~error], base, 0), _fd(word, fd[named], base, 1)]
    parts = [part for part in parts if len(part[0])] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([rows for rows, _, _ in parts]))
    columns = parts[0][1]
    for _, more, _ in parts[1:]:
        columns = columns.joined(more)
    checks = {code: np.concatenate([part[2][code] for part in parts])[order] for code in parts[0][2]}
    return np.concatenate([rows for rows, _, _ in parts])[order], columns.taken(order), checks


def _identifier(word: Words, which: int, base: int) -> tuple[Rows, Mask, Mask]:
    """Ids, whether they are extended (`x` at the end), and which could be read."""
    start, end = word.at(which)
    ext = (word.text[end - 1] | CASE == SMALL_X) & (end > start)
    id_, good = fields.number(word.text, start, end - ext, base, 8 if base == 16 else 9)
    return id_, ext, good & (id_ <= np.where(ext, 0x1FFFFFFF, 0x7FF))


def _classic(word: Words, rows: Rows, base: int) -> Part:
    """`seconds channel id Rx d length bytes` or `seconds channel id Rx r [length]`."""
    word = word[rows] if len(rows) < len(word) else word
    text = word.text
    bus, told = channels.buses(text, word.at(1))
    id_, ext, named = _identifier(word, 2, base)
    kind = word.letter(4) | CASE
    remote = kind == ord("r")
    dlc, sized = fields.number(text, *word.at(5), base, 2)
    # A code above 8 stands for 8 bytes; a remote request need not have one.
    dlc = np.where(sized, np.minimum(dlc, 8), 0)
    start, end = word.at(4)
    sized = (sized | remote) & (end - start == 1) & (remote | (kind == ord("d")))
    data, held = words.octets(word, 6, np.where(remote, 0, dlc), base=base)
    columns = Columns(rows, id_, ext, dlc, data, RTR * remote, bus)
    return rows, columns, {2: told, 3: named, 4: sized, 5: held | remote}


def _fd(word: Words, rows: Rows, base: int, shift: int) -> Part:
    """`seconds CANFD channel Rx id [name] switch state code length bytes duration bits flags ...`."""
    word = word[rows]
    text = word.text
    bus, told = channels.buses(text, word.at(2))
    id_, ext, named = _identifier(word, 4, base)
    code, coded = fields.number(text, *word.at(7 + shift), base, 2)
    length, sized = fields.number(text, *word.at(8 + shift), 10, 2)
    flags, flagged = fields.number(text, *word.at(9 + shift + length + 2), 16, 8)
    asked = flagged & (flags & REMOTE_FLAG != 0)
    remote = (length == 0) & ((code > 0) | asked)
    good = coded & sized & (code <= 15) & (length <= 64)
    data, held = words.octets(word, 9 + shift, np.where(good, length, 0), base=base)
    dlc = np.where(remote, LENGTHS[np.clip(code, 0, 15)], np.clip(length, 0, 64))
    columns = Columns(rows, id_, ext, dlc, data, FD + RTR * remote, bus)
    return rows, columns, {2: told, 3: named, 4: good, 5: held}


def _error(word: Words, rows: Rows, channel: int) -> Part:
    """`seconds channel ErrorFrame ...`: when and where, no more."""
    word = word[rows]
    bus, told = channels.buses(word.text, word.at(channel))
    none = np.zeros(len(rows), np.int64)
    yes = np.ones(len(rows), bool)
    columns = Columns(rows, none, ~yes, none, np.zeros((len(rows), 8), np.uint8), ERR, bus)
    return rows, columns, {2: told, 3: yes, 4: yes, 5: yes}
