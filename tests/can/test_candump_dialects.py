from __future__ import annotations

import numpy as np
import pytest

from canbean.can import logs
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import candump, candump_screen
from canbean.can.logs.lines import NO_FRAME, split
from canbean.can.logs.tables import Tables
from canbean.errors import LogError

LOG = b"""\
(1436509052.249713) can0 123#1122334455667788
(1436509052.249813) can1 7FF#
(1436509053.000000) can0 18FEF100#AABB
(1436509053.250000) can0 123#R
(1436509053.250001) can0 456#R8
(1436509053.350000) can0 20000004#0000000000000000
(1436509053.450000) can0 123##0112233445566778899AABBCC
"""
ROWS = b"""\
  can0  123   [8]  11 22 33 44 55 66 77 88
  can1  7FF   [0]
  can0  18FEF100   [2]  AA BB
  can0  123   [0]  remote request
  can0  456   [8]  remote request
  can0  20000004   [8]  00 00 00 00 00 00 00 00   ERRORFRAME
  can0  123  [12]  11 22 33 44 55 66 77 88 99 AA BB CC
""".splitlines()
EPOCH = ["1436509052.249713", "1436509052.249813", "1436509053.000000", "1436509053.250000"]
EPOCH += ["1436509053.250001", "1436509053.350000", "1436509053.450000"]
DATES = ["2015-07-10 06:17:32.249713", "2015-07-10 06:17:32.249813", "2015-07-10 06:17:33.000000"]
DATES += ["2015-07-10 06:17:33.250000", "2015-07-10 06:17:33.250001", "2015-07-10 06:17:33.350000"]
DATES += ["2015-07-10 06:17:33.450000"]
ZERO = ["000.000000", "000.000100", "000.750287", "001.000287", "001.000288", "001.100287", "001.200287"]
DELTA = ["000.000000", "000.000100", "000.750187", "000.250000", "000.000001", "000.099999", "000.100000"]


def put(tmp_path, content, name="log"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def timed(times, rows=ROWS):
    return b"".join(b" (%s)%s\n" % (time.encode(), row) for time, row in zip(times, rows, strict=True))


@pytest.mark.parametrize(
    ("times", "from_zero", "note"),
    [
        (EPOCH, False, []),
        (DATES, False, [candump_screen.DATES]),
        (ZERO, True, []),
        (DELTA, True, [candump_screen.STEPS]),
    ],
)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_what_is_printed_is_what_is_logged(tmp_path, times, from_zero, note, ends):
    logged = logs.read(put(tmp_path, LOG)).frames
    printed = logs.read(put(tmp_path, timed(times).replace(b"\n", ends), "screen"))
    assert (printed.format, printed.skipped, printed.notes) == ("candump on screen", 0, note)
    moved = logged.changed(t_us=logged.t_us - logged.t_us[0]) if from_zero else logged
    assert printed.frames.equals(moved)


def test_steps_are_added_up_over_chunks(tmp_path):
    path = put(tmp_path, timed(DELTA))
    whole = logs.read(path).frames
    assert Frames.concat(list(logs.chunks(path, rows=2))).equals(whole)


def test_without_times_all_are_at_0_and_that_is_said(tmp_path):
    logged = logs.read(put(tmp_path, LOG)).frames
    printed = logs.read(put(tmp_path, b"\n".join(ROWS) + b"\n", "screen"))
    assert printed.frames.equals(logged.changed(t_us=np.zeros(7)))
    assert printed.notes == [candump_screen.NO_TIMES]


@pytest.mark.parametrize(
    ("row", "flags", "dlc"),
    [
        (b" (1.0)  can0  RX - -  123   [2]  DE AD", 0, 2),
        (b" (1.0)  can0  TX B E  123  [02]  DE AD   '..'", FD, 2),
        (b" (1.0)  can0  123   [2]  DE AD   '.# '", 0, 2),
        (b"  can0  20000088   [8]  00 00 00 00 00 00 00 00   ERRORFRAME\n\tbus-off{}", ERR, 8),
        (b"<0x123> [2] de ad ", 0, 2),
        (b"<0x123> [2] remote request", RTR, 2),
    ],
)
def test_what_options_add(tmp_path, row, flags, dlc):
    log = logs.read(put(tmp_path, row + b"\n"))
    assert (log.skipped, len(log.frames), log.passed) == (0, 1, row.count(b"\t"))
    assert (log.frames.flags[0], log.frames.dlc[0]) == (flags, dlc)


BAD = {
    b" (1.0)  can0  123   [2]  DE": 5,
    b" (1.0)  can0  123   [2]  DE AD BE": 5,
    b" (1.0)  can0  123   [2]  DE AG": 5,
    b" (1.0)  can0  123   [9]  00 00 00 00 00 00 00 00 00": 4,
    b" (1.0)  can0  123  [65]": 4,
    b" (1.0)  can0  1234   [0]": 3,
    b" (1.0)  can0  40000000   [0]": 3,
    b" (x.0)  can0  123   [0]": 2,
    b"  can0  123   [0]": 1,
    b" (1.0)  can0  123   8  00": 1,
    b" (1.0)  " + b"b" * 40 + b"  123   [0]": 6,
}


@pytest.mark.parametrize("row", BAD)
def test_a_bad_row_is_counted_and_described_and_strict_makes_it_an_error(tmp_path, row):
    good = b" (1.0)  can0  001   [1]  11\n"
    path = put(tmp_path, good + row + b"\n" + good)
    log = logs.read(path)
    assert (len(log.frames), log.skipped) == (2, 1)
    assert log.problems[0].startswith(f"{path}: line 2: {candump_screen.REASONS[BAD[row]]}: ")
    with pytest.raises(LogError) as caught:
        logs.read(path, strict=True)
    assert str(caught.value) == log.problems[0]


def test_samples_of_canboat(recordings):
    old = logs.read(recordings / "can" / "formats" / "candumpSample1.txt")
    assert (old.skipped, old.passed, old.frames.buses) == (0, 1, ("can0",))
    assert bytes(old.frames.data[0]).hex() == "05a0be1c00a0a0c0"
    new = logs.read(recordings / "can" / "formats" / "candumpSample2.txt")
    assert (len(new.frames), new.skipped) == (402, 0)
    assert old.frames.ext.all()


MIXED = (
    LOG
    + b"""\
(1436509053.5) can0 123#00
(143650905.450001) can0 123#0011
(1436509054.450001) vcan0 123#0011
(1436509054.450001) c\xc3\xa90 123#0011
(1436509054.450001) can0 123#0011 R
(1436509054.450001)  can0 123#0011
(1436509054.450001) can0 800#0011
(1436509054.45000x) can0 123#0011
(1436509054.450001) c n0 123#0011
(1436509054.450001) can0 123#001
(1436509054.450001) can0 1F#0#0011
(1436509054.450001) can0 12 #0011
(1436509054.450001) can0 123#001122334455667788
"""
)


def both(text):
    """The same lines read by the quick way and by the general one."""
    lines, _ = split(text, 10)
    quick, general = Tables(), Tables()
    return candump.parse(lines, quick, None), candump._any(lines, general), lines


def wounded(rng, row):
    """A row with up to two other bytes in it."""
    text = bytearray(row)
    for _ in range(int(rng.integers(0, 3))):
        text[int(rng.integers(len(text)))] = rng.choice(list(b" #()R\r\n\t0aGx\0\xff.1"))
    return bytes(text)


def test_ten_thousand_lines_are_read_the_quick_way_as_the_general_one():
    rng = np.random.default_rng(1)
    rows = MIXED.splitlines(keepends=True)
    for size in [*[450] * 20, *[5] * 200]:
        (frames, reason), (slow, worse), lines = both(
            b"".join(wounded(rng, rows[k]) for k in rng.integers(0, len(rows), size))
        )
        differ = np.flatnonzero(reason != worse)
        assert [lines.show(row) for row in differ] == []
        assert frames.equals(slow)


def test_ten_thousand_wounded_rows_of_a_screen_are_frames_or_are_counted():
    rng = np.random.default_rng(2)
    for times in (EPOCH, DATES, None):
        rows = (timed(times) if times else b"\n".join(ROWS) + b"\n").splitlines(keepends=True)
        state, kept = candump_screen.begin(b"".join(rows)), 0
        for size in [*[450] * 7, *[5] * 50]:
            text = b"".join(wounded(rng, rows[k]) for k in rng.integers(0, len(rows), size))
            lines, _ = split(text, 10)
            frames, reason = candump_screen.parse(lines, Tables(), state)
            assert len(frames) == int((reason == 0).sum())
            assert ((reason == NO_FRAME) | ((reason >= 0) & (reason < len(candump_screen.REASONS)))).all()
            kept += len(frames)
        assert kept > 1000


def test_most_lines_go_the_quick_way():
    text = b"".join(b"(%04d.%06d) can0 %03X#%s\n" % (k, k, k, b"00" * (k % 11)) for k in range(99))
    lines, _ = split(text, 10)
    assert candump._usual(lines, Tables())[1].sum() == 81
    assert len(candump.parse(lines, Tables(), None)[0]) == 81


def test_a_last_line_much_shorter_than_the_first_is_counted(tmp_path):
    bus = "x" * 32
    text = f"(999999999999.000000) {bus} 18FEF100#00\n(1.000000) {bus} 123##1{'AB' * 64}\n9\n"
    log = logs.read(put(tmp_path, text.encode()))
    assert (len(log.frames), log.skipped) == (2, 1)
