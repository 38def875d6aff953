from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import can
from canbean.can import info, logs
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import asc, asc_columns
from canbean.can.logs.lines import NO_FRAME, split
from canbean.can.logs.tables import Tables
from canbean.errors import LogError

HEAD = b"date Sam Sep 30 15:06:13.191 2017\nbase hex  timestamps absolute\ninternal events logged\n"
START = 1_506_783_973_191_000
FRAME = b"   1.500000 1  123             Rx   d 2 AA BB  Length = 0 BitCount = 0 ID = 291\n"


def put(tmp_path, content, name="log"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


FIXTURES = [
    *("issue_1256", "issue_1299", "logfile", "logfile_errorframes", "single_frame", "single_frame_us_locale"),
    *("test_CanErrorFrames", "test_CanFdMessage", "test_CanFdMessage64", "test_CanFdRemoteMessage"),
    *("test_CanMessage", "test_CanRemoteMessage"),
]


@pytest.mark.parametrize("name", FIXTURES)
def test_what_python_can_reads_is_read(recordings, name):
    path = recordings / "can" / "formats" / "python-can" / f"{name}.asc"
    theirs = list(can.ASCReader(str(path)))
    log = logs.read(path, accept_cut=True)
    frames = log.frames
    assert (len(frames), log.skipped) == (len(theirs), 0)
    shift = frames.t_us - np.round([message.timestamp * 1e6 for message in theirs])
    assert (shift == shift[0]).all()
    assert shift[0] > 1_300_000_000_000_000
    for k, message in enumerate(theirs):
        flags = FD * message.is_fd + RTR * message.is_remote_frame
        # An error frame is neither classic nor FD and has no id; a classic frame has no more than 8 bytes.
        assert frames.flags[k] == (ERR if message.is_error_frame else flags)
        assert frames.id[k] == message.arbitration_id
        assert frames.ext[k] == (message.is_extended_id and not message.is_error_frame)
        assert frames.dlc[k] == (message.dlc if message.is_fd else min(message.dlc, 8))
        assert bytes(frames.data[k][: len(message.data)]) == bytes(message.data)
        if message.channel is not None:
            assert frames.buses[frames.bus[k]] == f"can{message.channel}"


def test_the_compressed_one_is_the_same(recordings):
    folder = recordings / "can" / "formats" / "python-can"
    zipped, plain = (logs.read(folder / f"test_CanMessage.asc{ending}") for ending in (".gz", ""))
    assert (zipped.format, len(zipped.frames)) == (plain.format, 2)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("Sam Sep 30 15:06:13.191 2017", START),
        ("Sat Sep 30 03:06:13.191 pm 2017", START),
        ("Sat Sep 30 03:06:13.191 PM 2017", START),
        ("Fre M\u00e4r 1 00:00:00 2019", 1_551_398_400_000_000),
        ("Mit Mai 1 12:00:00.5 am 2019", 1_556_668_800_500_000),
        ("Die Okt 01 00:00:00.001 2019", 1_569_888_000_001_000),
        ("Die Dez 31 23:59:59.999 2019", 1_577_836_799_999_000),
        ("Tue Feb 30 00:00:00 2019", None),
        ("someday", None),
    ],
)
def test_dates_of_both_languages(text, when):
    assert asc.start(text) == when


def test_a_date_in_windows_letters(tmp_path):
    text = "date Fre M\u00e4r 1 00:00:00 2019\nbase hex timestamps absolute\n".encode("cp1252")
    assert logs.read(put(tmp_path, text + FRAME)).frames.t_us.tolist() == [1_551_398_401_500_000]


def test_decimal_ids_and_bytes(tmp_path):
    text = (
        HEAD.replace(b"hex", b"dec")
        + b"1.0 1 291 Rx d 3 1 20 255\n1.5 2 419118424x Tx d 0\n1.5 2 100 Tx d 1 256\n"
    )
    log = logs.read(put(tmp_path, text))
    assert log.frames.id.tolist() == [291, 419118424]
    assert log.frames.ext.tolist() == [False, True]
    assert log.frames.data[0, :3].tolist() == [1, 20, 255]
    assert log.skipped == 1


def test_relative_times_are_added_up_over_all_events(tmp_path):
    text = HEAD.replace(b"absolute", b"relative")
    text += b"0.000000 Start of measurement\n0.5 1 1 Rx d 0\n0.25 1 Statistic: D 0\n0.25 1 2 Rx d 0\n"
    path = put(tmp_path, text)
    log = logs.read(path)
    assert (log.frames.t_us - START).tolist() == [500_000, 1_000_000]
    assert asc.STEPS in log.notes
    assert Frames.concat(list(logs.chunks(path, rows=1))).equals(log.frames)


def test_each_trigger_block_has_its_date(tmp_path):
    text = (
        HEAD
        + FRAME
        + b"Begin Triggerblock Sam Sep 30 15:07:13.191 2017\n"
        + FRAME * 2
        + b"End Triggerblock\n"
    )
    path = put(tmp_path, text)
    whole = logs.read(path).frames
    assert (whole.t_us - START).tolist() == [1_500_000, 61_500_000, 61_500_000]
    assert Frames.concat(list(logs.chunks(path, rows=1))).equals(whole)


def test_events_are_passed_over_and_junk_is_counted(tmp_path):
    events = b"1.0 CAN 1 Status:chip status error active\n1.1 1 Statistic: D 0\n1.2 1 123 TxRq d 1 00\n"
    junk = b"hello\n1.0 1 123 Rx d 2 AA\n1.0 1 800 Rx d 0\n1.0 0 123 Rx d 0\n1.0 1 123 Rx q 0\n1.0 1 123 Rx d 2 AA G0\n"
    log = logs.read(put(tmp_path, HEAD + FRAME + events + junk + FRAME))
    assert "3 lines of events or statistics, without a frame" in info.info(log)["warnings"]
    assert asc.UTC_NOTE in info.info(log)["warnings"]
    assert (len(log.frames), log.passed, log.skipped) == (2, 3, 6)
    said = [problem.split(": ", 3)[2] for problem in log.problems]
    assert said == [asc.REASONS[code] for code in (1, 5, 3, 2, 4)]
    with pytest.raises(LogError, match="line 8: not `seconds channel id"):
        logs.read(put(tmp_path, HEAD + FRAME + events + junk + FRAME), strict=True)


@st.composite
def tables(draw):
    """Any frames that the format has a place for."""
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flags = rng.choice(draw(st.sampled_from([[0], [0, RTR], [0, FD], [0, FD, RTR, FD | RTR, ERR]])), n)
    told = flags & ERR == 0
    ext = (rng.random(n) < draw(st.sampled_from([0, 0.5, 1]))) & told
    sizes = np.array([*range(9), 12, 16, 20, 24, 32, 48, 64])
    dlc = np.where(flags == FD, rng.choice(sizes, n), rng.integers(0, 9, n)) * told
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags & RTR == 0))[:, None])
    ids = np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)) * told
    buses = draw(st.sampled_from([("can0",), ("can1", "can0"), ("can2", "can254", "can0")]))
    first = draw(st.sampled_from([0, 1_000_000_000_000_000]))
    t_us = first + np.array(draw(st.lists(st.integers(0, 10**12), min_size=n, max_size=n)), np.int64)
    return Frames.of(
        t_us,
        ids,
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, len(buses), n),
        buses=buses,
    )


@settings(max_examples=150)
@given(frames=tables())
def test_what_was_written_is_read(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("log") / "a.asc"
    logs.write(path, frames)
    log = logs.read(path)
    assert (log.format, log.skipped, log.passed) == (asc.NAME, 0, 0)
    assert log.frames.equals(frames)


@settings(max_examples=40)
@given(frames=tables())
def test_python_can_reads_what_was_written(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("log") / "a.asc"
    frames = frames[frames.flags & (ERR | RTR) == 0]
    frames = frames[(frames.flags == 0) | (frames.dlc > 0)]
    logs.write(path, frames)
    theirs = list(can.ASCReader(str(path)))
    assert [message.arbitration_id for message in theirs] == frames.id.tolist()
    assert [bytes(message.data) for message in theirs] == [
        bytes(row[:size]) for row, size in zip(frames.data, frames.dlc, strict=True)
    ]
    assert [message.is_extended_id for message in theirs] == frames.ext.tolist()


def test_what_it_cannot_hold_is_said(tmp_path):
    one = Frames.of([5], 1, np.zeros((1, 8)))
    for frames, what in {
        one.relabelled("dos"): "labels",
        one.changed(t_us=[-1]): "times before 1970",
        one.changed(buses=("vcan0",)): "a bus named 'vcan0'",
        one.changed(flags=[ERR]): "what an error frame tells",
    }.items():
        with pytest.raises(LogError, match=f"Vector ASC has no place for {what}"):
            logs.write(tmp_path / "a.asc", frames)


LINES = [
    *HEAD.splitlines(),
    b"Begin Triggerblock Sam Sep 30 15:07:13.191 2017",
    FRAME.strip(b"\n"),
    b"  13.250000 1  123             Tx   d 8 AA BB 00 11 22 33 44 55",
    b"   0.250000 1  18FEF100x       Rx   d 3 AA BB CC",
    b"   0.250000 1  7F              Rx   d 0",
    b"   0.250000 1  7F              Rx   d 0 ",
    b"   0.250000 2  7F              Rx   r",
    b"   0.250000 12 7F              Rx   d 1 00",
    b"   0.250000 2  7F              Rx   d F 00 11 22 33 44 55 66 77",
    b"   0.250000 2 ErrorFrame",
    b"   0.250000 1  Statistic: D 0 R 0",
    b"30.5 CANFD   3 Tx        1C4D80A7x  Some_Name  0 1 9 12 b1 02 03 04 05 06 07 08 09 0a 0b 0c 102203 133 303000 e",
    b"30.5 CANFD   3 Rx ErrorFrame what",
    b"End TriggerBlock",
]


JUNK = [b"\0", b"\r", b"x", b"d", b"\xff", b" ", b"9" * 30, b".", b"  ", b"\t", b"\n"]


def wounded(rng, line):
    """A line with up to two random wounds."""
    text = bytearray(line)
    for _ in range(int(rng.integers(0, 3))):
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


def test_ten_thousand_wounded_lines_are_frames_or_are_counted_whichever_way(monkeypatch):
    """The quick way and the general one agree on frames and on what is wrong."""
    rng = np.random.default_rng(3)
    quick = []
    for size in [*[500] * 18, *[5] * 200]:
        text = b"".join(wounded(rng, LINES[k]) for k in rng.integers(0, len(LINES), size))
        lines, _ = split(text, 10)
        frames, reason = asc.parse(lines, Tables(), asc.State(16, steps=False))
        assert len(reason) == len(lines)
        assert len(frames) <= int((reason == 0).sum())
        assert ((reason == NO_FRAME) | ((reason >= 0) & (reason < len(asc.REASONS)))).all()
        quick.append((lines, frames, reason))
    assert sum(len(frames) for _, frames, _ in quick) > 2000
    monkeypatch.setattr(asc_columns, "read", lambda lines, base: None)
    for lines, frames, reason in quick:
        slow, worse = asc.parse(lines, Tables(), asc.State(16, steps=False))
        assert np.array_equal(reason, worse)
        assert frames.equals(slow)


def test_a_file_cut_at_any_byte_is_an_error_or_a_log(tmp_path):
    content = b"\n".join(LINES) + b"\n"
    path = tmp_path / "m"
    most = len(logs.read(put(tmp_path, content)).frames)
    for at in range(1, len(content)):
        path.write_bytes(content[:at])
        try:
            log = logs.read(path, accept_cut=bool(at % 2))
        except LogError as raised:
            assert str(path) in str(raised)  # noqa: PT017 - some cuts are errors, the others logs
            continue
        assert len(log.frames) <= most
        assert log.skipped <= 1
