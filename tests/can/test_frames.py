from __future__ import annotations

import numpy as np
import pytest

from canbean.can import events
from canbean.can.events import Event
from canbean.can.frames import Frames, id_text, key_text, parse_id, parse_key
from canbean.errors import FileError, LogError, UsageError


def table(t_us, ids, **columns):
    return Frames.of(t_us, ids, np.zeros((len(t_us), 8)), **columns)


@pytest.mark.parametrize(
    ("text", "id_", "ext"),
    [
        ("2C5", 0x2C5, False),
        ("0x2c5", 0x2C5, False),
        ("8", 8, False),
        ("18FEF100", 0x18FEF100, True),
        ("00000001", 1, True),
        ("800", 0x800, True),
    ],
)
def test_ids_are_read_as_people_write_them(text, id_, ext):
    assert parse_id(text) == (id_, ext)
    assert parse_id(id_text(id_, ext)) == (id_, ext)
    assert key_text(parse_key(text)) == id_text(id_, ext)


@pytest.mark.parametrize("text", ["", "xyz", "123456789", "20000000", "-1", "2 C"])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(UsageError):
        parse_id(text)


def test_key_tells_standard_from_extended():
    frames = table([0, 1], [5, 5], ext=[False, True])
    assert frames.key.tolist() == [5, 5 | 1 << 29]
    assert frames.key.dtype == np.uint32


def test_between_counts_from_the_first_frame():
    frames = table([5_000_000, 6_000_000, 5_500_000, 7_000_000], [1, 2, 3, 4])
    assert frames.between(0.5, 2.0).id.tolist() == [2, 3]
    assert frames.between(None, 1.0).id.tolist() == [1, 3]
    assert frames.between().id.tolist() == [1, 2, 3, 4]
    assert frames.span_s == 2.0
    assert frames.in_time_order().id.tolist() == [1, 3, 2, 4]


def test_concat_codes_names_anew_and_widens_data():
    one = table([0, 1], [1, 2], bus=[0, 1], label=[0, 1], buses=("a", "b"), labels=("", "x"))
    wide = Frames.of(
        [2, 3],
        [3, 4],
        np.full((2, 64), 7),
        dlc=64,
        flags=1,
        bus=[0, 1],
        label=[1, 2],
        buses=("b", "c"),
        labels=("", "y", "x"),
    )
    both = Frames.concat([one, wide])
    assert [both.buses[b] for b in both.bus] == ["a", "b", "b", "c"]
    assert [both.labels[b] for b in both.label] == ["", "x", "y", "x"]
    assert both.data.shape == (4, 64)
    assert both[2:].equals(wide)
    assert not both[:2].equals(wide)
    assert len(Frames.concat([])) == len(Frames.empty()) == 0
    assert Frames.empty().span_s == 0.0


def test_columns_must_agree():
    with pytest.raises(UsageError, match="'id'"):
        Frames(
            **{
                **{
                    c: getattr(table([1, 2], 1), c)
                    for c in ("t_us", "ext", "flags", "dlc", "data", "bus", "label")
                },
                "id": [1],
            }
        )
    with pytest.raises(UsageError, match="first label"):
        table([1], [1], labels=("attack",))


def test_events_are_runs_of_a_label_without_long_pauses():
    t = [0, 50_000, 150_000, 250_001, 260_000]
    frames = table(t, [1, 2, 3, 4, 5], label=[1, 1, 1, 1, 0], labels=("", "dos"))
    assert events.from_labels(frames) == [
        Event("dos", 0, 150_000, (1, 2, 3)),
        Event("dos", 250_001, 250_001, (4,)),
    ]


def test_events_survive_their_file(tmp_path):
    path = tmp_path / "e.csv"
    wanted = [
        Event(
            "suspension",
            1_436_509_052_249_713,
            1_436_509_053_000_000,
            (0x2C5, 0x18FEF100 | 1 << 29),
            frames=False,
        ),
        Event("flood", 1_500_000_000_000_000, 1_500_000_000_000_001, (), frames=False),
    ]
    events.write(path, wanted)
    assert path.read_text().splitlines()[1] == "suspension,1436509052.249713,1436509053.000000,2C5 18FEF100"
    assert events.read(path) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; a file of events has the header label,start,end,id"),
        ("a,b\n", "line 1: the header of a file of events is label,start,end,id"),
        ("label,start,end,id\nx,1,2\n", "line 2: 3 fields, expected the four of label,start,end,id"),
        ("label,start,end,id\nx,a,2,\n", "line 2: start and end are seconds such as 12.5, not 'a', '2'"),
        ("label,start,end,id\nx,nan,2,\n", "line 2: start and end are seconds such as 12.5, not 'nan', '2'"),
        ("label,start,end,id\nx,3,2,\n", "line 2: the event ends before it starts"),
        ("label,start,end,id\n,1,2,\n", "line 2: an event needs a label"),
        (
            "label,start,end,id\nx,1,2,zz\n",
            "line 2: id 'zz': not a hexadecimal CAN identifier such as 2C5 or 18FEF100",
        ),
    ],
)
def test_bad_files_of_events_are_named(tmp_path, text, message):
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(LogError) as caught:
        events.read(path)
    assert str(caught.value) == f"{path}: {message}"


def test_missing_file_of_events(tmp_path):
    with pytest.raises(FileError, match="cannot read this file of events"):
        events.read(tmp_path / "none.csv")
