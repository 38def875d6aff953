"""MF4: as asammdf and python-can read and write it."""

import datetime as dt
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import mf4
from canbean.can.logs.formats import Report
from canbean.errors import FileError, LogError, UsageError

with mf4._quietly(""):
    asammdf = pytest.importorskip("asammdf")
    from can.io.mf4 import MF4Reader, MF4Writer

    import can


def messages(path):
    """What python-can reads, as rows."""
    with mf4._quietly(""), MF4Reader(path) as reader:
        return [
            (
                round(m.timestamp * 1e6),
                m.arbitration_id,
                m.is_extended_id,
                FD * m.is_fd | RTR * m.is_remote_frame | ERR * m.is_error_frame,
                m.dlc if m.is_remote_frame else len(m.data),
                bytes(m.data),
                f"can{m.channel}",
            )
            for m in reader
        ]


def rows(f):
    return [
        (int(t), int(i), bool(x), int(g), int(d), p[: 0 if g & RTR else d].tobytes(), f.buses[b])
        for t, i, x, g, d, p, b in zip(f.t_us, f.id, f.ext, f.flags, f.dlc, f.data, f.bus, strict=True)
    ]


def some(n=40, seed=3, start_us=1_700_000_000_000_001):
    rng = np.random.default_rng(seed)
    flags = rng.choice([0, 0, FD, RTR, ERR], n)
    dlc = np.where(flags == FD, rng.choice([1, 8, 12, 64], n), rng.integers(0, 9, n))
    ext = rng.random(n) < 0.5
    return Frames.of(
        start_us + np.cumsum(rng.integers(1, 10**6, n)),
        np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)),
        rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags != RTR))[:, None]),
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, 2, n),
        buses=("can1", "can7"),
    )


def made(path, *groups, start=None, version="4.10", **more):
    """A file of channel groups: name of the structure, times, columns."""
    with mf4._quietly(""), asammdf.MDF(version=version) as mdf:
        mdf.header.abs_time, mdf.header.time_flags = 0, 2
        if start:
            mdf.header.start_time = start
        source = asammdf.Source("", "", "", asammdf.Source.SOURCE_BUS, asammdf.Source.BUS_TYPE_CAN)
        for name, seconds, columns in groups:
            arrays = {part: np.asarray(column) for part, column in columns.items()}
            kinds = [(f"{name}.{part}", column.dtype, column.shape[1:]) for part, column in arrays.items()]
            records = np.zeros(len(seconds), kinds)
            for part, column in arrays.items():
                records[f"{name}.{part}"] = column
            mdf.append(asammdf.Signal(records, np.array(seconds, float), name=name, source=source))
        mdf.save(path, overwrite=True, **more)
    return path


def test_what_is_written_is_read_by_others(tmp_path):
    frames = some()
    logs.write(tmp_path / "a.mf4", frames, 7)
    assert messages(tmp_path / "a.mf4") == rows(frames)
    assert rows(logs.read(tmp_path / "a.mf4").frames) == rows(frames)
    dbc = tmp_path / "a.dbc"
    dbc.write_text(
        'VERSION ""\nBU_: A\nBO_ 291 M: 8 A\n SG_ S : 0|16@1+ (1,0) [0|65535] "" A\n', encoding="ascii"
    )
    frames = Frames.of(5_000_000 + np.arange(3) * 1000, 0x123, np.arange(24).reshape(3, 8), buses=("can1",))
    logs.write(tmp_path / "b.mf4", frames)
    with mf4._quietly(""), asammdf.MDF(tmp_path / "b.mf4") as mdf:
        assert mdf.start_time == dt.datetime(1970, 1, 1, 0, 0, 5, tzinfo=dt.UTC)
        with mdf.extract_bus_logging({"CAN": [(str(dbc), 1)]}) as signals:
            assert signals.get("S").samples.tolist() == [0x0100, 0x0908, 0x1110]
            assert signals.get("S").timestamps.tolist() == [0.0, 0.001, 0.002]


@pytest.mark.parametrize("compression", [0, 1, 2])
def test_what_python_can_writes(tmp_path, compression):
    path, frames = tmp_path / "a.mf4", some(start_us=0)
    with mf4._quietly(""):
        writer = MF4Writer(path, compression_level=compression)
        start = writer._start_time
        for t, id_, ext, flags, dlc, data, bus in rows(frames):
            writer.on_message_received(
                can.Message(
                    timestamp=start + t / 1e6,
                    arbitration_id=id_,
                    is_extended_id=ext,
                    is_fd=bool(flags & FD),
                    is_remote_frame=bool(flags & RTR),
                    is_error_frame=bool(flags & ERR),
                    dlc=dlc,
                    data=data,
                    channel=int(bus[3:]),
                )
            )
        writer.stop()
    log = logs.read(path)
    assert (log.format, log.skipped, log.notes) == ("MF4", 0, [mf4.UTC_NOTE])
    wanted = rows(frames)
    got = rows(log.frames)
    assert [row[1:] for row in got] == [row[1:] for row in wanted]
    assert all(abs(a[0] - got[0][0] - b[0] + wanted[0][0]) <= 1 for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize("path", ["can/j1939-truck/truck-402s.MF4"])
def test_a_recording_as_asammdf_and_python_can_have_it(recordings, path):
    log = logs.read(recordings / path)
    assert (len(log.frames), log.skipped, log.passed, log.notes) == (150_411, 0, 0, [])
    assert (np.diff(log.frames.t_us) >= 0).all()
    with mf4._quietly(""), asammdf.MDF(recordings / path) as mdf:
        for bus in (1, 9):
            mine = log.frames[log.frames.bus == log.frames.buses.index(f"can{bus}")]
            signal = next(
                mdf.get("CAN_DataFrame", group=number)
                for number, group in enumerate(mdf.groups)
                if group.channel_group.cycles_nr and group.channel_group.acq_name.startswith(f"CAN{bus}_")
            )
            samples = signal.samples
            start = mdf.header.start_time.timestamp()
            assert (mine.t_us == np.round((start + signal.timestamps) * 1e6)).all()
            assert (mine.id == samples["CAN_DataFrame.ID"]).all()
            assert (mine.dlc == samples["CAN_DataFrame.DataLength"]).all()
            held = np.arange(8) < mine.dlc[:, None]
            assert (mine.data == samples["CAN_DataFrame.DataBytes"] * held).all()
    with mf4._quietly(""), MF4Reader(recordings / path) as reader:
        for number, message in zip(range(2000), reader, strict=False):
            frame = log.frames[number : number + 1]
            assert round(message.timestamp * 1e6) == frame.t_us[0]
            assert (message.arbitration_id, message.is_extended_id) == (frame.id[0], frame.ext[0])
            assert bytes(message.data) == frame.data[0, : frame.dlc[0]].tobytes()
            assert f"can{message.channel}" == frame.buses[frame.bus[0]]


def test_groups_are_merged_by_time_in_bounded_parts(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    groups = []
    for number, n in enumerate((5000, 40, 3000)):
        seconds = np.sort(rng.integers(0, 900, n)) / 1e6
        columns = {
            "ID": np.full(n, number),
            "DataLength": np.zeros(n, "u1"),
            "BusChannel": np.full(n, 1 + number),
        }
        groups.append(("CAN_DataFrame", seconds, columns))
    path = made(tmp_path / "a.mf4", *groups, compression=2)
    monkeypatch.setattr(mf4, "LEAST", 100)
    monkeypatch.setattr(mf4, "ROWS", 300)
    report = Report(path)
    parts = list(mf4.chunks(path, 250, report))
    assert max(map(len, parts)) <= 250
    frames = Frames.concat(parts)
    times = np.concatenate([np.round(seconds * 1e6) for _, seconds, _ in groups])
    ids = np.repeat([0, 1, 2], [5000, 40, 3000])
    order = np.argsort(times, kind="stable")
    assert (frames.t_us == times[order]).all()
    assert (frames.id == ids[order]).all()
    assert [frames.buses[code] for code in frames.bus] == [f"can{1 + number}" for number in ids[order]]


def test_a_time_that_goes_back_keeps_its_place_in_its_group(tmp_path):
    columns = {"ID": [1, 2, 3], "DataLength": [0, 0, 0]}
    path = made(
        tmp_path / "a.mf4",
        ("CAN_DataFrame", [1.0, 0.5, 2.0], columns),
        ("CAN_DataFrame", [0.75, 1.5], {"ID": [4, 5], "DataLength": [0, 0]}),
    )
    assert logs.read(path).frames.id.tolist() == [4, 1, 2, 5, 3]


def test_what_may_be_missing_and_what_is_wrong(tmp_path):
    data = np.arange(16, dtype=np.uint8).reshape(2, 8)
    path = made(
        tmp_path / "a.mf4",
        ("CAN_DataFrame", [0, 1], {"ID": [0x7FF, 0x800], "DLC": [15, 2], "DataBytes": data}),
    )
    f = logs.read(path, accept_cut=True).frames
    assert rows(f)[1:] == []
    path = made(
        tmp_path / "b.mf4",
        ("CAN_DataFrame", [0, 1], {"ID": [0x7FF, 0x800], "DLC": [8, 2], "DataBytes": data}),
        ("CAN_RemoteFrame", [2], {"ID": [5], "DLC": [8], "DataLength": [0]}),
        ("CAN_ErrorFrame", [3], {"BusChannel": [2]}),
        ("CAN_DataFrame", [4], {"ID": [5], "RTR": [1], "DLC": [3]}),
    )
    assert rows(logs.read(path).frames) == [
        (0, 0x7FF, False, 0, 8, bytes(range(8)), "can0"),
        (1_000_000, 0x800, True, 0, 2, b"\x08\x09", "can0"),
        (2_000_000, 5, False, RTR, 8, b"", "can0"),
        (3_000_000, 0, False, ERR, 0, b"", "can2"),
        (4_000_000, 5, False, RTR, 3, b"", "can0"),
    ]
    columns = {
        "ID": [1, 0x800, 1, 1, 1, 1],
        "IDE": [0, 0, 0, 0, 0, 0],
        "DataLength": [1, 1, 65, 9, 12, 1],
        "EDL": [0, 0, 1, 0, 1, 0],
        "BusChannel": [1, 1, 1, 1, 1, 999],
        "DataBytes": np.ones((6, 8), np.uint8),
    }
    log = logs.read(made(tmp_path / "c.mf4", ("CAN_DataFrame", range(6), columns)))
    assert (len(log.frames), log.skipped) == (1, 5)
    assert [problem.rpartition("group 1: ")[2] for problem in log.problems] == [
        "the id is above 1FFFFFFF, or above 7FF and not extended",
        "longer than a frame can be (8 bytes, CAN FD 64)",
        "longer than a frame can be (8 bytes, CAN FD 64)",
        "fewer bytes than the length",
        "the bus channel is not a number from 0 to 255",
    ]
    with pytest.raises(LogError, match="CAN_DataFrame 2 of channel group 1"):
        logs.read(tmp_path / "c.mf4", strict=True)
    path = made(tmp_path / "d.mf4", ("LIN_Frame", [0, 1], {"ID": [1, 2]}))
    with pytest.raises(LogError, match="holds no bus logging of CAN"):
        logs.read(path)
    path = made(
        tmp_path / "e.mf4", ("LIN_Frame", [0, 1], {"ID": [1, 2]}), ("CAN_DataFrame", [0], {"ID": [1]})
    )
    assert logs.read(path).passed == 2


def test_start_times(tmp_path):
    group = "CAN_DataFrame", [0.25], {"ID": [1], "DLC": [0]}
    zone = dt.timezone(dt.timedelta(hours=2))
    for start, note in (
        (dt.datetime(2024, 5, 1, 12, tzinfo=zone), []),
        (dt.datetime(2024, 5, 1, 10), [mf4.UTC_NOTE]),  # noqa: DTZ001
    ):
        log = logs.read(made(tmp_path / "a.mf4", group, start=start))
        assert (log.frames.t_us.tolist(), log.notes) == ([1_714_557_600_250_000], note)
    assert logs.read(made(tmp_path / "a.mf4", group)).frames.t_us.tolist() == [250_000]


@st.composite
def tables(draw):
    n = draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flags = rng.choice(draw(st.sampled_from([[0], [RTR], [FD], [0, FD], [ERR, ERR | FD]])), n)
    dlc = np.where(flags & FD, rng.integers(0, 65, n), rng.integers(0, 9, n))
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags & RTR == 0))[:, None])
    ext = rng.random(n) < draw(st.sampled_from([0, 0.5, 1]))
    buses = draw(st.lists(st.integers(0, 254), min_size=1, max_size=3, unique=True))
    return Frames.of(
        np.array(draw(st.lists(st.integers(0, mf4.SPAN_US - 1), min_size=n, max_size=n)), np.int64),
        np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)),
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, len(buses), n),
        buses=tuple(f"can{number}" for number in buses),
    )


@pytest.mark.parametrize("name", ["a.mf4", "a.mf4.gz"])
@settings(max_examples=15)
@given(frames=tables(), size=st.sampled_from([1, 7, 1000]))
def test_it_gives_back_what_was_written(tmp_path_factory, name, frames, size):
    path = tmp_path_factory.mktemp("log") / name
    logs.write(path, frames, size)
    parts = list(logs.chunks(path, size))
    assert max(map(len, parts)) <= size
    assert Frames.concat(parts).equals(frames)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"label": [1], "labels": ("", "dos")}, "labels"),
        ({"t_us": [-1]}, "times before 0"),
        ({"t_us": [1 << 51]}, "times after 2041"),
        ({"flags": [RTR | FD]}, "remote requests of CAN FD"),
        ({"flags": [RTR | ERR]}, "error frames that are remote requests"),
        ({"dlc": [9]}, "more than 8 bytes outside CAN FD"),
        ({"buses": ("Drive train",)}, "a bus named 'Drive train'"),
    ],
)
def test_what_cannot_be_held_is_said(tmp_path, change, what):
    frames = Frames.of([0], [1], np.zeros((1, 64), np.uint8)).changed(**change)
    with pytest.raises(LogError, match=f"MF4 has no place for {what}"):
        logs.write(tmp_path / "a.mf4", frames)
    assert not list(tmp_path.iterdir())


def test_without_asammdf(tmp_path, monkeypatch):
    path = tmp_path / "a.mf4"
    logs.write(path, some())
    monkeypatch.setitem(sys.modules, "asammdf", None)
    assert logs.Reader(path).format == "MF4"
    with pytest.raises(UsageError, match=r"a\.mf4: MF4 needs asammdf: pip install canbean\[mdf\]"):
        logs.read(path)
    with pytest.raises(UsageError, match=r"b\.mf4: MF4 needs asammdf"):
        logs.write(tmp_path / "b.mf4", some())
    assert not (tmp_path / "b.mf4").exists()


def test_a_file_that_says_more_than_it_holds(tmp_path):
    path, frames = tmp_path / "a.mf4", some()
    logs.write(path, frames[frames.flags & (RTR | ERR) == 0])
    raw, count = path.read_bytes(), int((frames.flags & (RTR | ERR) == 0).sum())
    at = raw.index(count.to_bytes(8, "little"), raw.index(b"##CG"))
    path.write_bytes(raw[:at] + (1 << 44).to_bytes(8, "little") + raw[at + 8 :])
    with pytest.raises(LogError, match=rf"CAN_DataFrame {count + 1} of channel group 1: the file ends early"):
        logs.read(path)
    assert len(logs.read(path, accept_cut=True).frames) == count


def test_cut_and_mutated_files_are_errors_or_logs(tmp_path):
    rng, path = np.random.default_rng(4), tmp_path / "a.mf4"
    logs.write(path, some(20))
    raw = path.read_bytes()
    read = 0
    for number in range(18):
        hurt = bytearray(raw)
        for _ in range(rng.integers(1, 3)):
            hurt[int(rng.integers(9, len(hurt)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(hurt[: None if number % 3 else int(rng.integers(9, len(hurt)))]))
        try:
            frames = logs.read(path, accept_cut=bool(number % 2)).frames
        except (LogError, FileError) as error:
            assert str(path) in str(error)  # noqa: PT017 - some are errors, the others logs
            continue
        read += 1
        assert len(frames) <= 20
        assert not (frames.id > np.where(frames.ext | (frames.flags & ERR != 0), 0x1FFFFFFF, 0x7FF)).any()
    assert read
