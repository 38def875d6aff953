from __future__ import annotations

import gzip

import numpy as np
import pytest

from canbean.can import logs
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import formats
from canbean.errors import FileError, LogError, UsageError

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


def put(tmp_path, content, name="log"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def rows(frames):
    return [
        (
            int(f),
            int(i),
            bool(x),
            int(g),
            int(d),
            bytes(p[: max(int(d) * (not g & RTR), 0)]).hex(),
            frames.buses[b],
            frames.labels[k],
        )
        for f, i, x, g, d, p, b, k in zip(
            frames.t_us,
            frames.id,
            frames.ext,
            frames.flags,
            frames.dlc,
            frames.data,
            frames.bus,
            frames.label,
            strict=True,
        )
    ]


def test_candump_text_means_what_can_utils_says(tmp_path):
    log = logs.read(put(tmp_path, CANDUMP))
    assert (log.format, log.skipped, log.problems) == ("candump", 0, [])
    assert rows(log.frames) == [
        (1436509052249713, 0x44, False, 0, 5, "2a366c2bba", "vcan0", ""),
        (1436509052249900, 0x18FEF100, True, 0, 8, "0011223344556677", "can1", ""),
        (1700000000000001, 0x123, False, RTR, 0, "", "vcan0", ""),
        (1700000000000002, 0x123, False, RTR, 8, "", "vcan0", ""),
        (1700000000000003, 0x123, False, FD, 12, "ab" * 12, "vcan0", ""),
        (1700000000000004, 4, False, ERR, 8, "00" * 8, "vcan0", ""),
        (1700000000500000, 0x7FF, False, 0, 0, "", "vcan0", ""),
    ]


def test_labelled_csv_means_what_its_header_says(tmp_path):
    log = logs.read(put(tmp_path, LABELLED))
    assert (log.format, log.skipped, log.problems) == ("labelled CSV", 0, [])
    assert rows(log.frames) == [
        (1700000000000001, 0x10, False, 0, 8, "000000002fb031f8", "can0", ""),
        (-500000, 0x1D0, False, 0, 2, "0061", "can1", "DoS"),
        (3000000, 0x18FEF100, True, RTR, 0, "", "can0", ""),
        (4250000, 7, False, FD, 12, "0102" * 6, "can0", "fuzz"),
    ]


def test_columns_may_stand_in_another_order(tmp_path):
    log = logs.read(put(tmp_path, b"label,data,dlc,ext,id,t\r\nx,AB,1,0,7,1.5\r\n"))
    assert rows(log.frames) == [(1500000, 7, False, 0, 1, "ab", "can0", "x")]


def test_written_text_is_what_others_write(tmp_path):
    frames = logs.read(put(tmp_path, CANDUMP)).frames
    logs.write(tmp_path / "out.log", frames)
    assert (tmp_path / "out.log").read_bytes().splitlines()[:2] == [
        b"(1436509052.249713) vcan0 044#2A366C2BBA",
        b"(1436509052.249900) can1 18FEF100#0011223344556677",
    ]
    logs.write(tmp_path / "out.csv", frames[:1].changed(buses=("can0",)))
    assert (
        tmp_path / "out.csv"
    ).read_bytes() == b"t,id,ext,dlc,data,label\n1436509052.249713,44,0,5,2A366C2BBA,\n"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.log.gz"])
def test_the_same_frames_give_the_same_bytes(tmp_path, name):
    frames = logs.read(put(tmp_path, CANDUMP)).frames
    logs.write(tmp_path / name, frames)
    first = (tmp_path / name).read_bytes()
    logs.write(tmp_path / name, frames)
    assert (tmp_path / name).read_bytes() == first


def test_every_microsecond_of_the_epoch_is_exact(tmp_path):
    t_us = 1_700_000_000_000_000 + np.arange(0, 1_000_000, 37)
    frames = Frames.of(t_us, 1, np.zeros((len(t_us), 8)))
    for name in ("a.log", "a.csv"):
        logs.write(tmp_path / name, frames)
        assert np.array_equal(logs.read(tmp_path / name).frames.t_us, t_us)


@pytest.mark.parametrize("content", [CANDUMP, LABELLED])
def test_content_tells_the_format_and_gzip(tmp_path, content):
    plain = logs.read(put(tmp_path, content, "plain.mp3"))
    zipped = logs.read(put(tmp_path, gzip.compress(content), "zipped.csv"))
    twice = logs.read(put(tmp_path, gzip.compress(content[:60]) + gzip.compress(content[60:]), "members.log"))
    assert plain.frames.equals(zipped.frames)
    assert plain.frames.equals(twice.frames)
    assert plain.format == zipped.format


@pytest.mark.parametrize("content", [CANDUMP, LABELLED])
@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
def test_line_ends_of_other_systems(tmp_path, content, ends):
    plain = logs.read(put(tmp_path, content))
    other = logs.read(put(tmp_path, b"\xef\xbb\xbf" + content.replace(b"\n", ends), "other"))
    assert other.skipped == 0
    assert other.frames.equals(plain.frames)


@pytest.mark.parametrize("content", [CANDUMP, LABELLED])
def test_chunks_of_any_size_hold_the_same_frames(tmp_path, content, monkeypatch):
    many = content + b"junk\n" + content.split(b"\n", 1)[1] * 20
    path = put(tmp_path, many)
    whole = logs.read(path)
    assert whole.skipped == 1
    for size in (1, 2, 7, 64, 1000):
        parts = list(logs.chunks(path, rows=size))
        assert max(map(len, parts)) <= size
        assert Frames.concat(parts).equals(whole.frames)
        monkeypatch.setattr(logs.Source, "__init__", _sized(logs.Source.__init__, 17 * size))
        small = logs.read(path)
        monkeypatch.undo()
        assert small.frames.equals(whole.frames)
        assert (small.skipped, small.problems) == (whole.skipped, whole.problems)


def _sized(init, size):
    def sized(self, path, accept_cut=False):
        init(self, path, size=size)

    return sized


def test_codes_agree_between_chunks(tmp_path):
    path = put(tmp_path, b"t,id,ext,dlc,data,label,bus\n1,1,0,0,,a,x\n2,1,0,0,,b,y\n3,1,0,0,,a,x\n")
    one, two, three = logs.chunks(path, rows=1)
    assert (one.label[0], one.bus[0]) == (three.label[0], three.bus[0]) != (two.label[0], two.bus[0])
    assert two.labels[two.label[0]] == "b"


def test_from_and_to_count_from_the_first_frame(tmp_path):
    path = put(tmp_path, b"".join(b"(%d.0) can0 001#\n" % (100 + k) for k in range(10)))
    assert (logs.read(path, from_s=2, to_s=4).frames.t_us // 1_000_000).tolist() == [102, 103]
    assert len(logs.read(path, from_s=50).frames) == 0


def test_more_decimals_are_rounded_and_fewer_are_enough(tmp_path):
    path = put(tmp_path, b"(1.0000005) can0 001#\n(1.000000499) can0 001#\n(1.5) can0 001#\n(7) can0 001#\n")
    assert logs.read(path).frames.t_us.tolist() == [1_000_001, 1_000_000, 1_500_000, 7_000_000]


def test_backward_time_stays_as_it_is(tmp_path):
    path = put(tmp_path, b"(2.0) can0 001#\n(1.0) can0 002#\n(3.0) can0 003#\n")
    assert logs.read(path).frames.id.tolist() == [1, 2, 3]


BAD = {
    b"(1.0) can0 1234#00": "the id is not 3 or 8 hexadecimal digits of a CAN identifier",
    b"(1.0) can0 800#00": "the id is not 3 or 8 hexadecimal digits of a CAN identifier",
    b"(1.0) can0 40000000#00": "the id is not 3 or 8 hexadecimal digits of a CAN identifier",
    b"(1.x) can0 123#00": "the time is not a number of seconds",
    b"() can0 123#00": "the time is not a number of seconds",
    b"(1.0) can0 123#0": "the data is not an even number of hexadecimal digits",
    b"(1.0) can0 123#0G": "the data is not an even number of hexadecimal digits",
    b"(1.0) can0 123##": "the data is not an even number of hexadecimal digits",
    b"(1.0) can0 123#" + b"00" * 9: "longer than a frame can be (8 bytes, CAN FD 64)",
    b"(1.0) can0 123##0" + b"00" * 65: "the data is not an even number of hexadecimal digits",
    b"(1.0) can0 123#R9": "longer than a frame can be (8 bytes, CAN FD 64)",
    b"(1.0) can0 123#RG": "the data is not an even number of hexadecimal digits",
    b"(1.0) can0 123#00 X": "not `(seconds) bus id#data`",
    b"1.0 can0 123#00": "not `(seconds) bus id#data`",
    b"\x00\xff\xfe": "not `(seconds) bus id#data`",
    b"(1.0) " + b"b" * 40 + b" 123#00": "the name of the bus is longer than 32 bytes or holds a NUL",
    b"(1.0) b\0s 123#00": "the name of the bus is longer than 32 bytes or holds a NUL",
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_candump_line_is_counted_and_described(tmp_path, line):
    path = put(tmp_path, b"(1.0) can0 001#11\n" + line + b"\n(2.0) can0 002#22\n")
    log = logs.read(path)
    assert log.frames.id.tolist() == [1, 2]
    assert log.skipped == 1
    assert log.problems[0].startswith(f"{path}: line 2: {BAD[line]}: ")


BAD_CSV = {
    b"1,2,0,1,00": "not as many fields as the header",
    b"x,2,0,1,00,": "t is not a number of seconds",
    b"1,800,0,1,00,": "id is not a hexadecimal CAN identifier",
    b"1,20000000,1,1,00,": "id is not a hexadecimal CAN identifier",
    b"1,2,2,1,00,": "ext is not 0 or 1",
    b"1,2,0,9," + b"00" * 9 + b",": "dlc is not a length from 0 to 64 (above 8 with the flag fd only)",
    b"1,2,0,1,0,": "data is not an even number of hexadecimal digits",
    b"1,2,0,2,00,": "dlc and data disagree",
    b"1,2,0,1,00,a\0b": "a name is longer than 64 bytes or holds a NUL",
    b"1,2,0,1,00," + b"n" * 65: "a name is longer than 64 bytes or holds a NUL",
}


@pytest.mark.parametrize("line", BAD_CSV)
def test_a_bad_csv_line_is_counted_and_described(tmp_path, line):
    path = put(tmp_path, b"t,id,ext,dlc,data,label\n0,1,0,1,11,\n" + line + b"\n2,2,0,1,22,x\n")
    log = logs.read(path)
    assert log.frames.id.tolist() == [1, 2]
    assert log.frames.labels == ("", "x")
    assert log.skipped == 1
    assert log.problems[0].startswith(f"{path}: line 3: {BAD_CSV[line]}: ")


def test_an_unknown_flag_is_a_problem(tmp_path):
    path = put(tmp_path, b"t,id,ext,dlc,data,label,flags\n0,1,0,1,11,,\n1,1,0,1,11,,what\n")
    assert "flags are fd, rtr and err" in logs.read(path).problems[0]


def test_strict_makes_the_first_bad_line_an_error(tmp_path):
    path = put(tmp_path, b"(1.0) can0 001#11\njunk\nmore junk\n")
    said = f"{path}: line 2: not `(seconds) bus id#data`: junk"
    assert error(logs.read, path, strict=True) == said
    assert error(lambda: list(logs.chunks(path, strict=True))) == said
    assert logs.read(path).skipped == 2


def test_the_first_five_problems_are_described_and_all_counted(tmp_path):
    path = put(tmp_path, b"(1.0) can0 001#11\n" + b"x" * 100 + b"\n" + b"junk\n" * 9)
    log = logs.read(path)
    assert log.skipped == 10
    assert len(log.problems) == 5
    assert log.problems[0] == f"{path}: line 2: not `(seconds) bus id#data`: {'x' * 60}..."


def error(call, *arguments, **named):
    with pytest.raises((LogError, FileError, UsageError)) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


KNOWN = f"({', '.join(form.NAME for form in (*formats.TEXT, *formats.BINARY))})"


def test_what_is_no_log_is_named_in_one_line(tmp_path):
    none = tmp_path / "none.log"
    assert error(logs.read, none) == f"{none}: cannot read this log: No such file or directory"
    assert error(logs.read, tmp_path) == f"{tmp_path}: is a folder, not a log"
    for content, what in {
        b"": "empty",
        gzip.compress(b""): "empty",
        b"\n \n# only words\n": "no frames in it, only blank lines and comments",
        b"hello\nworld\n": f"line 1: no format that is known {KNOWN}: hello",
        b"t,id,ext,dlc,data,label\n": "no frames in it",
        gzip.compress(CANDUMP)[:5]: "the gzip stream ends early, nothing of it can be read",
    }.items():
        path = put(tmp_path, content)
        assert error(logs.read, path) == f"{path}: {what}"
    path = put(tmp_path, b"t,id,ext,dlc,data,label\n1,2\n")
    assert error(logs.read, path) == (
        f"{path}: no line of it reads as labelled CSV: {path}: line 2: not as many fields as the header: 1,2"
    )


@pytest.mark.parametrize(
    ("content", "tail"),
    [
        (CANDUMP, b"(1700000001.0) vcan0 044#2A3"),
        (LABELLED, b"5,10,0,8,0000"),
        (LABELLED, b"5,10,0,8,0000,,,"),
    ],
)
def test_a_file_cut_in_a_line_is_an_error_unless_accepted(tmp_path, content, tail):
    path = put(tmp_path, content + tail)
    number = content.count(b"\n") + 1
    assert error(logs.read, path) == (
        f"{path}: line {number}: the file ends in the middle of this line (--accept-cut reads what is whole): {tail.decode()}"
    )
    log = logs.read(path, accept_cut=True)
    assert log.skipped == 1
    assert log.frames.equals(logs.read(put(tmp_path, content, "whole")).frames)


def test_a_whole_last_line_needs_no_line_end(tmp_path):
    for content in (CANDUMP, LABELLED):
        again = content + content.rstrip().rsplit(b"\n", 1)[-1]
        assert logs.read(put(tmp_path, again)).skipped == 0


def test_a_gzip_stream_that_ends_early(tmp_path):
    frames = Frames.of(
        np.arange(5000) * 997, np.arange(5000) % 2048, np.random.default_rng(1).integers(0, 256, (5000, 8))
    )
    logs.write(tmp_path / "whole.log.gz", frames)
    raw = (tmp_path / "whole.log.gz").read_bytes()
    path = put(tmp_path, raw[: len(raw) // 2])
    assert "(--accept-cut reads what is whole)" in error(logs.read, path)
    log = logs.read(path, accept_cut=True)
    assert 1000 < len(log.frames) < 4000
    assert log.skipped <= 1
    assert log.frames.equals(frames[: len(log.frames)])
    damaged = bytearray(raw)
    damaged[len(raw) // 2 : len(raw) // 2 + 64] = b"\xff" * 64
    assert "the gzip data is damaged after line" in error(logs.read, put(tmp_path, bytes(damaged)))


def test_a_huge_line_is_passed_over(tmp_path):
    line = b"(1.0) can0 001#11\n"
    path = put(tmp_path, line + b"z" * (3 << 20) + b"\n" + line)
    log = logs.read(path)
    assert len(log.frames) == 2
    assert log.skipped == 1
    assert log.problems == [f"{path}: line 2: longer than 1 MiB: {'z' * 60}..."]
    path = put(tmp_path, line + b"z" * (3 << 20))
    assert "line 2: the file ends early (--accept-cut" in error(logs.read, path)
    assert logs.read(path, accept_cut=True).skipped == 1


def test_too_many_names_are_said(tmp_path):
    path = put(tmp_path, b"".join(b"(1.0) bus%d 001#\n" % k for k in range(300)))
    assert error(logs.read, path) == f"{path}: near line 1: more than 256 different buses"


def test_nothing_is_dropped_silently_when_writing(tmp_path):
    one = Frames.of([1], 1, np.zeros((1, 8)))
    path = tmp_path / "a.log"
    assert "has no place for labels" in error(logs.write, path, one.relabelled("dos"))
    assert "has no place for times before 0" in error(logs.write, path, one.changed(t_us=[-1]))
    assert "has no place for a bus named 'a b'" in error(logs.write, path, one.changed(buses=("a b",)))
    assert "has no place for the name 'a,b'" in error(logs.write, tmp_path / "a.csv", one.relabelled("a,b"))
    said = error(logs.write, tmp_path / "a.none", one)
    assert ": a log is written as " in said
    assert ".csv, " in said
    assert list(tmp_path.iterdir()) == []


def test_the_recording_of_a_volvo(recordings):
    log = logs.read(recordings / "can" / "volvo-v40" / "clean.csv.gz")
    assert (len(log.frames), len(np.unique(log.frames.key)), log.skipped) == (245_144, 50, 0)


@pytest.mark.parametrize(
    ("name", "frames"), [("candump.log", 12_974), ("candump-fast-cr.txt", 23), ("candumpSample3.txt", 2_368)]
)
def test_recordings_of_candump(recordings, name, frames):
    assert len(logs.read(recordings / "can" / "formats" / name).frames) == frames


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("(1.0) can0 123#11223344\n(1.1) can0 123#1122", True),
        ("(1.0) can0 123#11223344\n(1.1) can0 123#11223344", False),
        ("(1.0) can0 123#11223344\n(1.1) can0 124#1122", False),
        ("(1.0) can0 123#1122", False),
        ("t,id,ext,dlc,data,label\n0.0,10,0,1,00,flood\n0.1,10,0,1,00,flo", True),
        ("t,id,ext,dlc,data,label\n0.0,10,0,1,00,flood\n0.1,10,0,1,00,flood", False),
        ("t,id,ext,dlc,data,label,bus\n0.0,10,0,1,00,,can0\n0.1,10,0,1,00,,ca", True),
    ],
)
def test_a_last_line_without_an_end_is_cut_if_it_looks_so(tmp_path, text, cut):
    path = tmp_path / "x.log"
    path.write_text(text)
    if cut:
        with pytest.raises(LogError, match=r"line \d: the file ends in the middle"):
            logs.read(path)
        assert logs.read(path, accept_cut=True).skipped == 1
    else:
        assert logs.read(path).skipped == 0
