"""Parquet: frames that come back as they went, tables of others, and what is wrong with some."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs
from canbean.can.convert import convert
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import parquet
from canbean.can.logs.formats import Report
from canbean.errors import FileError, LogError


@pytest.fixture
def read(tmp_path):
    def made(columns, schema=None, **more):
        pl.DataFrame(columns, schema_overrides=schema).write_parquet(tmp_path / "x")
        return logs.read(tmp_path / "x", **more)

    return made


def test_what_is_written_is_the_table_of_the_description(tmp_path):
    frames = Frames.of(
        [-5, 7, 9],
        [0x123, 0x18FEF100, 1],
        np.array([[1, 2, 0, 0, 0, 0, 0, 0], [0] * 8, [0] * 8]),
        dlc=[2, 3, 0],
        ext=[False, True, False],
        flags=[FD, RTR, ERR],
        bus=[1, 0, 1],
        label=[0, 1, 0],
        buses=("can0", "Drive train"),
        labels=("", "flood"),
    )
    logs.write(tmp_path / "a.parquet", frames)
    table = pl.read_parquet(tmp_path / "a.parquet")
    assert table.schema == {
        "t_us": pl.Int64,
        "id": pl.UInt32,
        "ext": pl.Boolean,
        "fd": pl.Boolean,
        "rtr": pl.Boolean,
        "err": pl.Boolean,
        "dlc": pl.UInt8,
        "data": pl.Binary,
        "bus": pl.String,
        "label": pl.String,
    }
    assert table.rows() == [
        (-5, 0x123, False, True, False, False, 2, b"\x01\x02", "Drive train", ""),
        (7, 0x18FEF100, True, False, True, False, 3, b"", "can0", "flood"),
        (9, 1, False, False, False, True, 0, b"", "Drive train", ""),
    ]


def test_what_is_missing_is_as_usual(read):
    data = [b"", b"\x01\x02", bytes(range(9))]
    log = read({"t_us": [1, 2, 3], "id": [0x7FF, 0x800, 1], "data": data, "note": ["a", "b", "c"]})
    f = log.frames
    assert (log.format, log.skipped) == ("Parquet", 0)
    assert f.ext.tolist() == [False, True, False]
    assert (f.dlc.tolist(), f.flags.tolist()) == ([0, 2, 9], [0, 0, FD])
    assert [row[:d].tobytes() for row, d in zip(f.data, f.dlc, strict=True)] == data
    assert (f.buses, f.labels) == (("can0",), ("",))
    log = read(
        {
            "t_us": [1, 2],
            "id": [1, 2],
            "data": [b"\x01", b""],
            "ext": [None, True],
            "fd": [None, True],
            "rtr": [1, None],
            "dlc": [None, 0],
            "bus": pl.Series([None, "b"], dtype=pl.Categorical),
            "label": pl.Series([None, "dos"], dtype=pl.Enum(["dos"])),
        }
    )
    f = log.frames
    assert (f.ext.tolist(), f.flags.tolist(), f.dlc.tolist()) == ([False, True], [RTR, FD], [1, 0])
    assert not f.data.any()
    assert [f.buses[code] for code in f.bus] == ["can0", "b"]
    assert [f.labels[code] for code in f.label] == ["", "dos"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("time", [1.5, -2.000001]),
        ("timestamp", pl.Series([1.5, -2.0], dtype=pl.Float32)),
        ("timestamp", pl.Series([1_500_000_999, -2_000_000_001], dtype=pl.Datetime("ns"))),
        ("time", pl.Series([1500, -2000], dtype=pl.Datetime("ms", "Europe/Berlin"))),
        ("t_us", pl.Series([1_500_000, -2_000_000], dtype=pl.Int32)),
    ],
)
def test_times(read, name, values):
    log = read({name: values, "id": [1, 2], "data": [b"", b""]})
    assert log.frames.t_us[0] == 1_500_000
    assert log.frames.t_us[1] in {-2_000_000, -2_000_001}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"t_us": None}, "has no column 't_us', nor 'time' or 'timestamp'"),
        ({"id": None}, "has no column 'id', only 't_us', 'data'"),
        ({"data": None}, "has no column 'data'"),
        ({"t_us": [1.5]}, "the column 't_us' is Float64, not whole microseconds"),
        ({"t_us": None, "time": [1]}, "the column 'time' is Int64, not seconds as floating-point numbers"),
        ({"id": ["123"]}, "the column 'id' is String, not whole numbers"),
        ({"data": ["00"]}, "the column 'data' is String, not Binary"),
        ({"fd": ["yes"]}, "the column 'fd' is String, not true or false"),
        ({"dlc": [True]}, "the column 'dlc' is Boolean, not whole numbers"),
        ({"bus": [1]}, "the column 'bus' is Int64, not String"),
    ],
)
def test_columns_that_are_missing_or_of_another_type(read, change, what):
    columns = {"t_us": [1], "id": [1], "data": [b""]} | change
    with pytest.raises(LogError, match=rf"x: {what}"):
        read({name: column for name, column in columns.items() if column is not None})


def test_rows_that_are_no_frames(read):
    rows = [
        (1, 1, b"", False, 0, "a"),
        (None, 1, b"", False, 0, "b"),
        (1, -1, b"", False, 0, "b"),
        (1, 1 << 29, b"", True, 0, "b"),
        (1, 0x800, b"", False, 0, "b"),
        (1, 1, bytes(65), False, 65, "b"),
        (1, 1, b"1", False, 2, "b"),
        (1, 1, None, False, 2, "b"),
        (1, 1, b"", False, 0, "b" * 65),
        (2, 2, b"", False, 0, "c"),
    ]
    columns = dict(zip(("t_us", "id", "data", "ext", "dlc", "bus"), zip(*rows, strict=True), strict=True))
    log = read(columns)
    assert log.frames.t_us.tolist() == [1, 2]
    assert (log.skipped, log.frames.buses) == (8, ("a", "c"))
    assert [problem.rpartition("/x: ")[2] for problem in log.problems] == [
        "row 2: it has no time, id or data, or one that is out of range",
        "row 3: it has no time, id or data, or one that is out of range",
        "row 4: the id is above 1FFFFFFF, or above 7FF and not extended",
        "row 5: the id is above 1FFFFFFF, or above 7FF and not extended",
        "row 6: longer than a frame can be (8 bytes, CAN FD 64)",
    ]
    with pytest.raises(LogError, match="row 2"):
        read(columns, strict=True)
    log = read({"time": [1.0, float("nan"), float("inf"), 1e300], "id": [1] * 4, "data": [b""] * 4})
    assert (len(log.frames), log.skipped) == (1, 3)
    with pytest.raises(LogError, match="256 different buses"):
        read({"t_us": [1] * 257, "id": [1] * 257, "data": [b""] * 257, "bus": [str(k) for k in range(257)]})


@st.composite
def tables(draw):
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flags = rng.choice(draw(st.sampled_from([[0], [0, RTR], [0, FD], [0, FD, RTR, ERR, 7]])), n)
    ext = rng.random(n) < draw(st.sampled_from([0, 0.5, 1]))
    dlc = np.where(flags & FD, rng.integers(0, 65, n), rng.integers(0, 9, n))
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags & RTR == 0))[:, None])
    name = st.text(max_size=12)
    buses = tuple(draw(st.lists(name, min_size=1, max_size=3, unique=True)))
    labels = ("", *draw(st.lists(name.filter(bool), max_size=3, unique=True)))
    return Frames.of(
        np.array(draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=n, max_size=n)), np.int64),
        np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)),
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, len(buses), n),
        label=rng.integers(0, len(labels), n),
        buses=buses,
        labels=labels,
    )


@pytest.mark.parametrize("name", ["a.parquet", "a.parquet.gz"])
@settings(max_examples=25)
@given(frames=tables(), rows=st.sampled_from([1, 7, 1000]))
def test_it_gives_back_what_was_written(tmp_path_factory, name, frames, rows):
    path = tmp_path_factory.mktemp("log") / name
    logs.write(path, frames, rows)
    parts = list(logs.chunks(path, rows))
    assert max(map(len, parts)) <= rows
    assert Frames.concat(parts).equals(frames)


def test_row_groups_and_chunks_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS", 1000)
    n = 10_500
    rng = np.random.default_rng(1)
    frames = Frames.of(np.arange(n), rng.integers(0, 2048, n), rng.integers(0, 256, (n, 8)))
    logs.write(tmp_path / "a.parquet", frames)
    counted = pl.read_parquet(tmp_path / "a.parquet").height
    assert counted == n
    report = Report(tmp_path / "a.parquet")
    parts = list(parquet.chunks(tmp_path / "a.parquet", 400, report))
    assert max(map(len, parts)) == 400
    assert Frames.concat(parts).equals(frames)
    # In one row group, too.
    pl.read_parquet(tmp_path / "a.parquet").write_parquet(tmp_path / "one.parquet", row_group_size=1 << 20)
    sizes = [len(table) for _, table in parquet._slices(tmp_path / "one.parquet", report)]
    assert sizes == [1000] * 10 + [500]


def test_from_parquet_to_parquet(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS", 1000)
    frames = Frames.of(np.arange(9_500), 0x123, np.ones((9_500, 8), np.uint8))
    logs.write(tmp_path / "a.parquet", frames)
    assert convert(tmp_path / "a.parquet", tmp_path / "b.parquet").frames == 9_500
    assert logs.read(tmp_path / "b.parquet").frames.equals(frames)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"dlc": [9]}, "more than 8 bytes outside CAN FD"),
        ({"buses": ("é" * 33,)}, "the name 'é"),
        ({"label": [1], "labels": ("", "x" * 65)}, "the name 'x"),
    ],
)
def test_what_cannot_be_held_is_said(tmp_path, change, what):
    frames = Frames.of([0], [1], np.zeros((1, 64), np.uint8)).changed(**change)
    with pytest.raises(LogError, match=f"Parquet has no place for {what}"):
        logs.write(tmp_path / "a.parquet", frames)
    assert not list(tmp_path.iterdir())


def test_cut_and_mutated_files_are_errors_or_logs(tmp_path):
    rng, path = np.random.default_rng(4), tmp_path / "a.parquet"
    logs.write(path, Frames.of(np.arange(20) * 1000, 0x123, rng.integers(0, 256, (20, 8))))
    raw = path.read_bytes()
    for at in range(4, len(raw), 37):
        path.write_bytes(raw[:at])
        with pytest.raises(LogError, match="ends early: Parquet keeps its directory at the end"):
            logs.read(path, accept_cut=bool(at % 2))
    for _ in range(200):
        hurt = bytearray(raw)
        for _ in range(rng.integers(1, 3)):
            hurt[int(rng.integers(4, len(hurt) - 4))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(hurt))
        try:
            assert len(logs.read(path).frames) <= 20
        except (LogError, FileError) as error:
            assert str(path) in str(error)  # noqa: PT017 - some are errors, the others logs


def test_a_panic_of_polars_is_an_error_of_the_log(tmp_path, monkeypatch):
    from polars.exceptions import PanicException

    logs.write(tmp_path / "a.parquet", Frames.of([1], 1, np.zeros((1, 8))))

    def panics(*_, **__):
        raise PanicException("slice index starts at 3 but ends at 2")

    monkeypatch.setattr(pl, "scan_parquet", panics)
    with pytest.raises(LogError, match=r"a\.parquet: damaged, or not readable by polars: slice index"):
        logs.read(tmp_path / "a.parquet")
