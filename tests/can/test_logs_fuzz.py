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


ZIPPED = gzip.compress(CANDUMP, mtime=0)


@pytest.mark.parametrize(
    ("content", "files", "each", "least"),
    [(CANDUMP, 10_000, 2, 4000), (LABELLED, 10_000, 2, 2000), (ZIPPED, 10_000, 1, 50)],
)
def test_ten_thousand_mutations_end_in_an_error_or_a_log_that_adds_up(tmp_path, content, files, each, least):
    path = tmp_path / "m"
    kept = 0
    for mutated in mutations(content, files, each, 1):
        path.write_bytes(mutated)
        try:
            log = logs.read(path, accept_cut=bool(len(mutated) % 2))
        except (LogError, FileError) as raised:
            assert str(path) in str(raised)  # noqa: PT017 - most mutations of gzip are errors, the others are not
            continue
        kept += 1
        assert len(log.problems) == min(log.skipped, 5)
        if mutated[:2] != b"\x1f\x8b":
            newline = b"\r" if b"\n" not in mutated and b"\r" in mutated else b"\n"
            full = [line.strip(b" \t\r\n") for line in mutated.removeprefix(b"\xef\xbb\xbf").split(newline)]
            full = [line for line in full if line and not line.startswith(b"#")]
            assert len(log.frames) + log.skipped == len(full) - (log.format == "labelled CSV")
    assert kept >= least
