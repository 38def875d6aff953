"""The pairs file: every mistake gets one line that names file, place and cure; what is written reads back the same."""

import hashlib
import random
import string
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.errors import CanbeanError, FileError, PairsError
from canbean.roast import pairs
from canbean.roast.kinds import is_calibrated
from canbean.tiny.features import Features

SCALE = (0.0, 180.0)
GOOD = (
    b"lot,cup,unit,red,infrared,temperature,reference\n"
    b"a,1,u,20604,37182,25.0625,25\n"
    b"a,2,u,20700,37300,25.125,26\n"
    b"b,3,u,29353,66556,25.25,60.5\n"
    b"b,4,u,29401,66600,25.5,61\n"
    b"c,5,u,46708,110165,26,110\n"
    b"c,6,u,46800,110300,26.0625,111\n"
)


def checked(content, scale=SCALE):
    return pairs.check(pairs.parse(content, "p.csv"), scale)


def test_columns_channels_and_decimals():
    p = checked(GOOD)
    assert (len(p), p.lots, p.lot.tolist()) == (6, ("a", "b", "c"), [0, 0, 1, 1, 2, 2])
    assert p.channel_names == ("red", "infrared", "temperature")
    # a board gives hundredths of a degree, however it is written
    assert p.decimals == (0, 0, 2)
    assert p.raw[1].tolist() == [20700, 37300, 2513]
    assert p.raw[0].tolist() == [20604, 37182, 2506]
    assert p.reference.tolist() == [25, 26, 60.5, 61, 110, 111]
    assert p.cup[2] == "3"
    assert set(p.unit) == {"u"}
    assert p.digest == hashlib.sha256(GOOD).hexdigest()
    assert not p.simulated
    assert not p.warnings
    assert pairs.parse(GOOD.replace(b",u,", b",simulated-3,"), "p").simulated


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: b"", r"^p\.csv: is empty"),
        (lambda c: b" \n\n", r"^p\.csv: is empty"),
        (lambda c: c.split(b"\n")[0], r"has a header but no pairs"),
        (lambda c: c.replace(b"lot,", b"roast,"), r"no column 'lot' \(found roast, cup"),
        (lambda c: c.replace(b"reference", b"agtron"), r"no column 'reference'"),
        (lambda c: c.replace(b"infrared", b"red"), r"line 1: column 'red' appears twice"),
        (lambda c: c.replace(b"infrared", b""), r"line 1: column 5 has no name"),
        (lambda c: c.replace(b"infrared", b"i" * 40), r"line 1: column 5 has no usable name"),
        (lambda c: c.replace(b"29353", b"29k"), r"line 4, column 'red': '29k' is not a number"),
        (lambda c: c.replace(b"29353", b"1_000"), r"line 4, column 'red': '1_000' is not a number"),
        (lambda c: c.replace(b"29353", b""), r"line 4, column 'red': is empty"),
        (lambda c: c.replace(b"29353", b"nan"), r"line 4, column 'red': nan is not a reading"),
        (lambda c: c.replace(b"29353", b"-Infinity"), r"line 4, column 'red': -Infinity is not a reading"),
        (lambda c: c.replace(b"29353", b"1e999"), r"line 4, column 'red': 1e999 is too large"),
        (lambda c: c.replace(b"60.5", b"dark"), r"line 4, column 'reference': 'dark' is not a number"),
        (lambda c: c.replace(b"60.5", b"181"), r"line 4: reference 181 is outside the scale 0:180"),
        (lambda c: c.replace(b"60.5", b"-1"), r"line 4: reference -1 is outside the scale 0:180"),
        (lambda c: c.replace(b"25.25", b"warm"), r"line 4, column 'temperature': 'warm' is not a number"),
        (lambda c: c.replace(b"\nb,", b"\n,"), r"line 4, column 'lot': is empty"),
        (lambda c: c.replace(b"\nb,3,u", b"\nb,3"), r"line 4: 6 columns where the header has 7"),
        (lambda c: c.replace(b"\nb,", b"\na,").replace(b"\nc,", b"\na,"), r"all pairs are of lot 'a'"),
        (lambda c: c.replace(b"\nc,", b"\na,"), r"pairs of 2 lots: at least 3 lots"),
        (lambda c: b"\n".join(c.split(b"\n")[:4]), r"3 pairs; at least 6 are needed"),
        (lambda c: b"lot,note,reference\na,x,3\n", r"no sensor channel"),
        (lambda c: c.replace(b",", b";"), r"line 1: columns are not separated by commas"),
        (lambda c: c.replace(b"29353", b"\xff"), r"line 4: is not UTF-8"),
        (lambda c: c.decode().encode("utf-16"), r"is binary"),
        (lambda c: c.replace(b"\nb,3", b'\n"b,3'), r"line 4: is not CSV"),
        (
            lambda c: b"lot,x,reference\n" + b"".join(b"%d,7,%d\n" % (i % 3, i) for i in range(9)),
            r"ever changes",
        ),
    ],
)
def test_each_mistake_has_its_line(change, message):
    with pytest.raises(PairsError, match=message) as caught:
        checked(change(GOOD))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("p.csv")


def test_decimals_are_as_many_as_a_board_can_hold():
    rows = [f"l{k},{2.087485694117647 + k},{250.5 + k}0,{99_000_000 + k}.25,{k}e-3,{k}" for k in range(6)]
    p = checked("\n".join(["lot,ratio,volts,huge,small,reference", *rows]).encode())
    assert p.decimals == (6, 2, 0, 3)
    assert p.raw[0].tolist() == [2087486, 25050, 99_000_000, 0]
    front = Features.fit(p.channels, p.decimals)
    assert front.readings(p.channels).tolist() == p.raw.tolist()


def test_a_scale_the_wrong_way_round():
    with pytest.raises(PairsError, match="minimum must be below"):
        checked(GOOD, (180.0, 0.0))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileError, match=r"none\.csv: cannot read this pairs file"):
        pairs.read(tmp_path / "none.csv")
    with pytest.raises(FileError, match="is a folder, not a pairs file"):
        pairs.read(tmp_path)


def test_what_spreadsheets_do_is_understood():
    dressed = b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n").replace(b"a,1,", b'"a", 1 ,') + b"\r\n\r\n"
    assert checked(dressed).reference.tolist() == checked(GOOD).reference.tolist()
    assert checked(dressed).lots == ("a", "b", "c")


def test_warnings():
    each_its_own = b"lot,x,reference\n" + b"".join(b"l%d,%d,%d\n" % (i, i, i) for i in range(8))
    assert any("every lot has one row" in w for w in checked(each_its_own).warnings)
    noted = GOOD.replace(b"cup", b"note").replace(b",1,u", b",nice,u")
    with pytest.raises(PairsError, match="'nice' is not a number"):  # half numbers, half words: a mistake
        checked(noted)
    words = b"lot,note,x,reference\n" + b"".join(b"l%d,fine,%d,%d\n" % (i % 3, i, i) for i in range(8))
    assert checked(words).warnings == ("p.csv: column 'note' holds text and is not used",)
    still = b"lot,y,x,reference\n" + b"".join(b"l%d,5,%d,%d\n" % (i % 3, i, i) for i in range(8))
    assert checked(still).warnings == ("p.csv: channel 'y' never changes: it says nothing",)


NAMES = (
    st.text(string.ascii_letters + string.digits + ' ,"#é茶', min_size=1, max_size=9)
    .map(str.strip)
    .filter(bool)
)
VALUES = st.one_of(
    st.floats(-1e8, 1e8),
    st.integers(-(10**8), 10**8).map(float),
    st.decimals(-1000, 1000, places=4, allow_nan=False).map(float),
)


@settings(max_examples=150)
@given(st.data())
def test_what_is_written_reads_back_the_same(data):
    n, c = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 4))
    lots = data.draw(st.lists(NAMES, min_size=n, max_size=n))
    names = tuple(f"ch{k}" for k in range(c))
    first = pairs.Pairs(
        name="p.csv",
        lots=(unique := tuple(dict.fromkeys(lots))),
        lot=np.array([unique.index(x) for x in lots]),
        reference=np.array(data.draw(st.lists(st.floats(0, 180), min_size=n, max_size=n))),
        channel_names=names,
        channels=np.array(
            data.draw(st.lists(st.lists(VALUES, min_size=c, max_size=c), min_size=n, max_size=n))
        ),
        decimals=tuple(data.draw(st.lists(st.integers(0, 6), min_size=c, max_size=c))),
        cup=tuple(data.draw(st.lists(NAMES, min_size=n, max_size=n))) if data.draw(st.booleans()) else (),
    )
    written = pairs.text(first)
    again = pairs.parse(written.encode(), "p.csv")
    assert [again.lots[k] for k in again.lot] == lots
    assert again.reference.tolist() == first.reference.tolist()
    assert again.channels.tolist() == first.channels.tolist()
    assert (again.channel_names, again.cup, again.unit) == (names, first.cup, ())
    assert again.digest == first.digest == hashlib.sha256(written.encode()).hexdigest()
    assert pairs.text(replace(again, source=b"")) == pairs.text(again)


def test_written_file_is_whole(tmp_path):
    path = tmp_path / "p.csv"
    pairs.write(path, checked(GOOD))
    assert pairs.read(path).raw.tolist() == checked(GOOD).raw.tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["p.csv"]


def test_ten_thousand_mutations_end_in_pairs_or_in_one_line():
    rng = random.Random(7)
    pieces = [
        b",",
        b"\n",
        b'"',
        b"\r",
        b"\0",
        b"\xff",
        b"nan",
        b"1e9999",
        b"-",
        b"lot",
        b"reference",
        b"\xef\xbb\xbf",
    ]
    lines = []
    for _ in range(10_000):
        content = bytearray(GOOD)
        for _ in range(rng.randint(1, 4)):
            at, to = sorted(rng.choices(range(len(content) + 1), k=2))
            match rng.randrange(5):
                case 0:
                    content[at:at] = rng.choice(pieces)
                case 1:
                    del content[at : min(to, at + 9)]
                case 2 if at < len(content):
                    content[at] = rng.randrange(256)
                case 3:
                    content[at:at] = content[at : min(to, at + 40)]
                case _:
                    del content[to:]
        try:
            p = checked(bytes(content))
        except CanbeanError as error:
            lines.append(str(error))
        else:
            assert np.isfinite(p.channels).all()
            assert p.channels.shape == (len(p), len(p.channel_names))
    assert 1_000 < len(lines) < 9_900
    assert not [line for line in lines if len(line.splitlines()) != 1 or len(line) >= 400]


def test_one_file_is_of_one_kind():
    mixed = GOOD + b"d,7,u,12.500,31.250,25,70\n"
    with pytest.raises(
        PairsError, match=r"p\.csv: line 8 holds reflectances in percent and line 2 counts of a unit"
    ):
        checked(mixed)
    # a dark channel of few counts beside a bright one is none
    assert checked(GOOD + b"d,7,u,110,31250,25,70\n").warnings == ()
    # other names are nobody's counts
    checked(mixed.replace(b"infrared", b"ratio"))


def test_counts_of_several_units_are_warned_of():
    two = GOOD.replace(b"a,1,u,", b"a,1,v,")
    assert checked(two).warnings == (
        "p.csv: counts of 2 units (u, v), of which each counts the same coffee differently: fit one unit's, or calibrate them",
    )
    percent = (
        b"lot,unit,red,infrared,reference\n" + b"a,u,5.1,20.3,50\nb,v,6.1,22.3,60\nc,w,7.1,25.3,70\n" * 2
    )
    assert checked(percent).warnings == ()


PERCENT = (
    b"lot,unit,red,infrared,temperature,reference\n"
    + b"a,u,5.1,20.3,25,50\nb,u,6.1,22.3,26,60\nc,u,7.1,25.3,27,70\n" * 2
)


def test_known_columns_are_known_in_whichever_case():
    dressed = PERCENT.replace(
        b"lot,unit,red,infrared,temperature,reference", b"Lot,UNIT,Red, InfraRed ,Temperature,Reference"
    )
    found = checked(dressed)
    assert found.channel_names == ("red", "infrared", "temperature")
    assert (found.decimals, found.warnings) == ((1, 1, 2), ())
    assert is_calibrated(found)
    assert checked(PERCENT.replace(b"unit,red", b"unit,Own")).channel_names[0] == "Own"
    with pytest.raises(PairsError, match="column 'red' appears twice"):
        checked(PERCENT.replace(b"infrared", b"Red"))


@pytest.mark.parametrize("change", [(b"red,infrared", b"rot,infrared"), (b"red,infrared", b"rot,IR")])
def test_reflectances_under_names_that_nobody_knows_are_warned_of(change):
    (warning,) = checked(PERCENT.replace(*change)).warnings
    assert "'rot'" in warning
    assert ("'IR'" in warning) == (b"IR" in change[1])
    assert "(red, green, blue, clear, infrared): all are taken for counts" in warning
    # of a known sensor's counts one has another name
    assert "'rot'" in checked(GOOD.replace(b"unit,red", b"unit,rot")).warnings[0]


def test_counts_and_features_of_other_people_are_not_warned_of():
    assert checked(GOOD.replace(b"red,infrared", b"rot,IR")).warnings == ()
    one = (
        b"lot,red_blue_ratio,temperature,reference\n"
        + b"a,1.925,25,60\nb,2.627,25.5,200\nc,1.953,26,85\n" * 2
    )
    assert checked(one, (0, 250)).warnings == ()
