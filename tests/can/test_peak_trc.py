from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import can
from canbean.can import logs
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import trc
from canbean.can.logs.lines import NO_FRAME, split
from canbean.can.logs.tables import Tables
from canbean.errors import LogError

HEAD_1 = (
    b";$FILEVERSION=1.1\n;$STARTTIME=44548.6028595139\n;---+--   ----+----  --+--  ----+---  +  -+ -- --\n"
)
HEAD_2 = b";$FILEVERSION=2.1\n;$STARTTIME=44548.5\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n;---+-- ------+------\n"


def put(tmp_path, content, name="log"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["", "_V1_0_BUS1", "_V1_1", "_V1_3", "_V2_0_BUS1", "_V2_1"])
def test_what_python_can_reads_is_read(recordings, name):
    path = recordings / "can" / "formats" / "python-can" / f"test_CanMessage{name}.trc"
    theirs = list(can.TRCReader(str(path)))
    log = logs.read(path, accept_cut=True)
    frames = log.frames
    assert (len(frames), log.skipped, log.format) == (len(theirs), 0, "PEAK trace")
    assert np.abs(frames.t_us - np.array([message.timestamp * 1e6 for message in theirs])).max() <= 2
    for k, message in enumerate(theirs):
        assert frames.flags[k] == FD * message.is_fd + RTR * message.is_remote_frame
        assert frames.id[k] == message.arbitration_id
        assert frames.ext[k] == message.is_extended_id
        assert frames.dlc[k] == message.dlc
        assert bytes(frames.data[k][: len(message.data)]) == bytes(message.data)
        assert frames.buses[frames.bus[k]] == f"can{message.channel - 1}"


def test_can_fd_remote_and_error_frames(tmp_path):
    rows = b"""\
      1      1.500 FB 2      0123 Rx -  9    00 01 02 03 04 05 06 07 08 09 0A 0B
      2      2.500 RR 1  18FEF100 Rx -  3
      3      3.500 ER 1         - Rx -  5    04 00 02 00 00
      4      4.500 ST 1         - Rx -  4    00 00 00 08
      5      5.500 DT 1      07FF Tx -  0
"""
    log = logs.read(put(tmp_path, HEAD_2 + rows))
    frames = log.frames
    assert frames.flags.tolist() == [FD, RTR, ERR, 0]
    assert frames.dlc.tolist() == [12, 3, 0, 0]
    assert frames.id.tolist() == [0x123, 0x18FEF100, 0, 0x7FF]
    assert [frames.buses[code] for code in frames.bus] == ["can1", "can0", "can0", "can0"]
    assert (log.passed, log.skipped) == (1, 0)
    assert frames.t_us[0] == 1_639_828_800_001_500


def test_columns_may_stand_in_another_order_and_the_length_in_bytes(tmp_path):
    head = b";$FILEVERSION=2.0\n;$COLUMNS=N,T,O,I,l,D\n"
    frames = logs.read(put(tmp_path, head + b"1 FD 7 0123 12 " + b"AB " * 12 + b"\n")).frames
    assert (frames.t_us[0], frames.id[0], frames.dlc[0]) == (7000, 0x123, 12)


BAD = {
    b"     2)     x1.1  Rx         0123  1  00\n": 2,
    b"     2)     1.1  Rx         0G23  1  00\n": 3,
    b"     2)     1.1  Rx         0923  1  00\n": 3,
    b"     2)     1.1  Rx         0123  9  00 00 00 00 00 00 00 00 00\n": 4,
    b"     2)     1.1  Rx         0123  2  00\n": 5,
    b"     2)     1.1\n": 1,
}


@pytest.mark.parametrize("row", BAD)
def test_a_bad_row_is_counted_and_described(tmp_path, row):
    good = b"     1)     1.0  Rx         0123  1  00\n"
    path = put(tmp_path, HEAD_1 + good + row + good)
    log = logs.read(path)
    assert (len(log.frames), log.skipped) == (2, 1)
    assert log.problems[0].startswith(f"{path}: line 5: {trc.REASONS[BAD[row]]}: ")
    with pytest.raises(LogError, match="line 5"):
        logs.read(path, strict=True)


@st.composite
def tables(draw):
    """Any frames that the format has a place for."""
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flags = rng.choice(draw(st.sampled_from([[0], [0, RTR], [0, FD], [0, FD, RTR, ERR]])), n)
    told = flags & ERR == 0
    ext = (rng.random(n) < 0.5) & told
    dlc = np.where(flags == FD, rng.choice(trc.LENGTHS, n), rng.integers(0, 9, n)) * told
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags & RTR == 0))[:, None])
    t_us = draw(st.sampled_from([0, 1_000_000_000_000_000, 1_769_999_999_123_457]))
    return Frames.of(
        t_us + rng.integers(0, 10**12, n),
        np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)) * told,
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, 2, n),
        buses=("can3", "can0"),
    )


@settings(max_examples=150)
@given(frames=tables())
def test_what_was_written_is_read(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("log") / "a.trc"
    logs.write(path, frames)
    log = logs.read(path)
    assert (log.format, log.skipped, log.passed) == (trc.NAME, 0, 0)
    assert log.frames.equals(frames)


def test_python_can_reads_what_was_written(tmp_path):
    frames = Frames.of([10**15, 10**15 + 1], [1, 0x18FEF100], np.full((2, 8), 7), ext=[False, True])
    logs.write(tmp_path / "a.trc", frames)
    theirs = list(can.TRCReader(str(tmp_path / "a.trc")))
    assert [message.arbitration_id for message in theirs] == [1, 0x18FEF100]
    assert [message.is_extended_id for message in theirs] == [False, True]
    assert [round(message.timestamp * 1e6) for message in theirs] == [10**15, 10**15 + 1]
    assert [bytes(message.data) for message in theirs] == [b"\7" * 8] * 2


def test_what_it_cannot_hold_is_said(tmp_path):
    one = Frames.of([5], 1, np.zeros((1, 64)), flags=FD, dlc=11)
    with pytest.raises(LogError, match="PEAK trace has no place for lengths that CAN FD does not know"):
        logs.write(tmp_path / "a.trc", one)


ROWS = {
    b"1.0": [
        b" 1)  17535  00000100  8  00 01 02 03 04 05 06 07",
        b" 2)  17540  FFFFFFFF  4  00 00 00 08 BUSHEAVY",
    ],
    b"1.1": [
        b" 1)  17535.4  Tx  0100  2  00 01",
        b" 2)  1.3  Warng  FFFFFFFF  4  00 00 00 08",
        b" 3) 4.0 Rx 0704 1 RTR",
    ],
    b"1.3": [b" 1)  17535.400 1  Tx  00000100 -  2  00 01", b" 3) 4.000 1 Rx 0704 - 1 RTR"],
    b"2.1": [
        b" 1 17535.400 DT 1 00000100 Tx - 2 00 01",
        b" 2 1.0 FD 1 0100 Tx - 9 " + b"00 " * 12,
        b" 3 1 ER 1 - Rx -",
    ],
}


JUNK = [b"\0", b"\r", b";", b"\xff", b" ", b"9" * 30, b".", b"\n", b"-"]


def wounded(rng, row):
    """A row with one or two random wounds."""
    text = bytearray(row)
    for _ in range(int(rng.integers(1, 3))):
        at, way = int(rng.integers(len(text) + 1)), rng.integers(4)
        if way == 0 and at < len(text):
            text[at] ^= 1 << int(rng.integers(8))
        elif way == 1:
            del text[at : at + int(rng.integers(1, 30))]
        elif way == 2:
            text[at:at] = rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8).tobytes()
        else:
            text[at : at + 1] = JUNK[int(rng.integers(len(JUNK)))]
    return bytes(text) + b"\n"


@pytest.mark.parametrize("version", ROWS)
def test_ten_thousand_wounded_rows_are_frames_or_are_counted(version):
    rng = np.random.default_rng(5)
    state = trc.begin(b";$FILEVERSION=%s\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n" % version)
    rows, kept = ROWS[version], 0
    for size in [*[450] * 20, *[5] * 200]:
        text = b"".join(wounded(rng, rows[k % len(rows)]) for k in range(size))
        lines, _ = split(text, 10)
        frames, reason = trc.parse(lines, Tables(), state)
        comments = sum(lines.show(row).lstrip().startswith(";") for row in range(len(lines)))
        assert len(frames) + int((reason != 0).sum()) + comments == len(lines)
        assert ((reason == NO_FRAME) | ((reason >= 0) & (reason < len(trc.REASONS)))).all()
        kept += len(frames)
    assert kept > 500


def test_a_file_cut_at_any_byte_is_an_error_or_a_log(tmp_path):
    content = HEAD_1 + b"\n".join(ROWS[b"1.1"]) + b"\n"
    path = tmp_path / "m"
    for at in range(1, len(content)):
        path.write_bytes(content[:at])
        try:
            log = logs.read(path, accept_cut=bool(at % 2))
        except LogError as raised:
            assert str(path) in str(raised)  # noqa: PT017 - some cuts are errors, the others logs
            continue
        assert len(log.frames) <= 2
