from __future__ import annotations

import gzip

import numpy as np
import pytest

from canbean.can import logs
from canbean.errors import FileError, LogError

CANDUMP = (
    b"""\
# a comment
(1436509052.249713) vcan0 044#2A366C2BBA

(1436509052.249900) can1 18FEF100#0011223344556677
(1700000000.000001) vcan0 123#R
(1700000000.000002) vcan0 123#R8 T
(1700000000.000003) vcan0 123##1"""
    + b"AB" * 12
    + b""" R
(1700000000.000004) vcan0 20000004#0000000000000000
(1700000000.5) vcan0 7FF#
"""
)
LABELLED = (
    b"""\
t,id,ext,dlc,data,label,bus,flags
1700000000.000001,10,0,8,000000002FB031F8,,can0,
-0.5,1D0,0,2,0061,DoS,can1,
3,18FEF100,1,0,,,can0,rtr
4.25,7,0,12,"""
    + b"0102" * 6
    + b""",fuzz,,fd
"""
)


def mutations(content, files, each, seed):
    """Small files with `each` random wounds: `files` of them."""
    rng = np.random.default_rng(seed)
    junk = [b"\0", b"\r", b",", b"#", b"(", b"\xff", b" ", b"9" * 30]
    for _ in range(files):
        text = bytearray(content)
        for _ in range(each):
            at = int(rng.integers(0, len(text) + 1))
            way = rng.integers(30)
            if way == 0:
                del text[at:]
            elif way < 8 and at < len(text):
                text[at] ^= 1 << int(rng.integers(8))
            elif way < 14:
                text[at:at] = rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8).tobytes()
            elif way < 18:
                del text[at : at + int(rng.integers(1, 30))]
            elif way < 22:
                lines = bytes(text).split(b"\n")
                which = int(rng.integers(len(lines)))
                lines[which:which] = [lines[which]] * int(rng.integers(1, 4))
                text = bytearray(b"\n".join(lines))
            else:
                text[at : at + 1] = junk[int(rng.integers(len(junk)))]
        yield bytes(text)


HEADER, BODY = LABELLED.split(b"\n", 1)
ZIPPED = gzip.compress(CANDUMP, mtime=0)


def adds_up(path, mutated):
    """Whether a mutated file is read, every line of it as a frame or counted; else its error names it."""
    path.write_bytes(mutated)
    try:
        log = logs.read(path, accept_cut=bool(len(mutated) % 2))
    except (LogError, FileError) as raised:
        assert str(path) in str(raised)  # noqa: PT017 - most mutations of gzip are errors, the others are not
        return False
    assert len(log.problems) == min(log.skipped, 5)
    if mutated[:2] != b"\x1f\x8b":
        newline = b"\r" if b"\n" not in mutated and b"\r" in mutated else b"\n"
        full = [line.strip(b" \t\r\n") for line in mutated.removeprefix(b"\xef\xbb\xbf").split(newline)]
        full = [line for line in full if line and not line.startswith(b"#")]
        assert len(log.frames) + log.skipped == len(full) - (log.format == "labelled CSV")
    return True


@pytest.mark.parametrize(
    ("content", "files", "each", "least"),
    [
        (CANDUMP, 625, 2, 300),
        (CANDUMP * 8, 1250, 15, 600),
        (LABELLED, 625, 2, 150),
        (HEADER + b"\n" + BODY * 8, 1250, 15, 150),
        (ZIPPED, 1000, 1, 5),
    ],
    ids=["candump", "more candump", "labelled", "more labelled", "gzip"],
)
def test_forty_thousand_wounds_end_in_an_error_or_a_log_that_adds_up(tmp_path, content, files, each, least):
    kept = sum(adds_up(tmp_path / "m", mutated) for mutated in mutations(content, files, each, 1))
    assert kept >= least


@pytest.mark.parametrize("content", [CANDUMP, LABELLED, ZIPPED], ids=["candump", "labelled", "gzip"])
def test_a_file_cut_at_any_byte_ends_in_an_error_or_a_log_that_adds_up(tmp_path, content):
    for at in range(len(content)):
        adds_up(tmp_path / "m", content[:at])


def test_any_flipped_bit_of_gzip_ends_in_an_error_or_a_log(tmp_path):
    for bit in range(8 * len(ZIPPED)):
        flipped = bytearray(ZIPPED)
        flipped[bit // 8] ^= 1 << bit % 8
        adds_up(tmp_path / "m", bytes(flipped))
