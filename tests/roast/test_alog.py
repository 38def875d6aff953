"""Artisan's roast logs: the colours are written, and nothing else changes."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.errors import FileError, LogError
from canbean.roast import alog

# As Artisan writes one, much shorter: one line of repr().
LOG = (
    "{'recording_version': '2.6.0', 'title': 'Kenya \\'AA\\', 日曬 {1}', 'whole_color': 0, 'ground_color': 0, "
    "'color_system': '', 'timex': [0.0, 1.0021, 2.5e-05], 'etypes': ['Air', \"Drum's\"], 'extra': [[1, -1], []], "
    "'computed': {'ground_color': 5, 'TP_idx': 3}, 'flags': (True, None)}"
).encode()

NAMES = st.text(max_size=8) | st.sampled_from(["ground_color", "whole_color", "color_system"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def test_only_the_entries_change_byte_for_byte():
    made = alog.annotated(LOG, {"ground_color": 87, "color_system": "canbean 'A'"})
    wanted = LOG.replace(b"'ground_color': 0", b"'ground_color': 87").replace(
        b"'color_system': ''", b"'color_system': \"canbean 'A'\""
    )
    assert made == wanted
    before, after = ast.literal_eval(LOG.decode()), ast.literal_eval(made.decode())
    assert after == {**before, "ground_color": 87, "color_system": "canbean 'A'"}
    assert list(after) == list(before)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"{}", b"{'ground_color': 87}"),
        (b"{'a': 1}", b"{'ground_color': 87, 'a': 1}"),
        (b"{ # of mine\n 'a': 1,\n}\n", b"{'ground_color': 87,  # of mine\n 'a': 1,\n}\n"),
        (
            b"{'a': '\xe6\x97\xa5',\r\n'ground_color':  -1 ,}",
            b"{'a': '\xe6\x97\xa5',\r\n'ground_color':  87 ,}",
        ),
        (b"{'ground_color': 1, 'ground_color': 2}", b"{'ground_color': 87, 'ground_color': 87}"),
        (b"{'a': '''x\ny''', \"ground_color\": (1\n,)}", b"{'a': '''x\ny''', \"ground_color\": 87}"),
    ],
)
def test_other_writers_of_the_format(text, wanted):
    assert alog.annotated(text, {"ground_color": 87}) == wanted


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.integers(0, 1000), st.text(min_size=1, max_size=9))
@settings(max_examples=150)
def test_any_dict_keeps_everything_else(found, ground, system):
    entries = {"ground_color": ground, "color_system": system}
    text = repr(found).encode("utf-8", "surrogatepass")
    made = alog.annotated(text, entries)
    assert alog.colours(made) == {**found, **entries}
    assert alog.annotated(made, entries) == made


@given(st.binary(max_size=80) | st.text("{}[]()'\"\\,:#-1a \n\r\0", max_size=80).map(str.encode))
@settings(max_examples=300)
def test_any_bytes_are_a_log_or_one_clear_line(text):
    try:
        found = alog.colours(text, "x.alog")
    except LogError as error:
        said = str(error)
    else:
        said = "x.alog: a log"
        assert alog.colours(alog.annotated(text, {"ground_color": 1})) == {**found, "ground_color": 1}
    assert said.startswith("x.alog: ")
    assert len(said.splitlines()) == 1


@given(st.integers(0, len(LOG) - 1), st.binary(max_size=4))
@settings(max_examples=200)
def test_a_damaged_log_is_refused_or_kept(at, put):
    text = LOG[:at] + put + LOG[at + 3 :]
    try:
        found = alog.colours(text)
    except LogError:
        return
    assert alog.colours(alog.annotated(text, {"whole_color": 3})) == {**found, "whole_color": 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is no roast log"),
        (b"\xff\xfe{}", "byte 0 is not UTF-8"),
        (b"[1, 2]", "holds a list"),
        (b"{'a': 1", "never closed"),
        (b"{'a': open('x')}", "no plain Python value"),
        (b"{'a': nan}", "no plain Python value"),
        (b"{'a': __import__('os').system('x')}", "no plain Python value"),
        (b"{[]: 1}", "no plain Python value"),
        (b"{'a': " + b"[" * 40 + b"]" * 40 + b"}", "nested more than 32"),
        (b"{'a': " + b"-" * 200_000 + b"1}", "too deeply nested"),
        (b"{'a': [" + b"1," * (1 << 20) + b"]}", "holds too much"),
        (b"{'a': '" + b"x" * (9 << 20) + b"'}", "too many for a roast log"),
        (b"{'a': " + b"9" * 5000 + b"}", "is no roast log"),
        (b"\\'" * (4 << 20), "is no roast log"),
        (b"{\0}", "is no roast log"),
    ],
)
def test_what_is_no_log_is_said_in_one_line(text, says):
    with pytest.raises(LogError, match="x.alog: .*" + says) as caught:
        alog.annotated(text, {"ground_color": 87}, "x.alog")
    assert len(str(caught.value).splitlines()) == 1


def test_the_first_copy_is_kept(tmp_path):
    log, copy = tmp_path / "a.alog", tmp_path / "a.alog.bak"
    log.write_bytes(LOG)
    assert alog.annotate([log], {"ground_color": 87}) == [(log, copy)]
    assert copy.read_bytes() == LOG
    assert alog.annotate([log], {"ground_color": 88}) == [(log, copy)]
    assert copy.read_bytes() == LOG
    assert alog.colours(log.read_bytes())["ground_color"] == 88
    assert alog.annotate([log], {"ground_color": 88}) == [(log, None)]
    assert sorted(tmp_path.iterdir()) == [log, copy]


def test_one_bad_file_leaves_all_as_they_were(tmp_path):
    good, bad = tmp_path / "good.alog", tmp_path / "bad.alog"
    good.write_bytes(LOG)
    bad.write_bytes(b"PK\x03\x04")
    with pytest.raises(LogError, match=r"bad\.alog"):
        alog.annotate([good, bad], {"ground_color": 87})
    with pytest.raises(FileError, match="missing"):
        alog.annotate([good, tmp_path / "missing.alog"], {"ground_color": 87})
    assert good.read_bytes() == LOG
    assert sorted(tmp_path.iterdir()) == [bad, good]
