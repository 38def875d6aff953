"""The model file: what is written is read; whatever was changed is refused with a reason and nothing else."""

import hashlib
import json
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import FileError, ModelError
from canbean.tiny import cbm


def small():
    meta = cbm.encode_meta({"name": "cup", "app": "roastmeter"})
    return cbm.Model({"META": meta, "POLY": b"\x01\x02\x03\x04\x05", "note": b""})


def resigned(blob):
    """`blob` with its length and digest made to fit, as a wrong writer would."""
    body = bytearray(blob[:-32])
    struct.pack_into("<I", body, 12, len(body) + 32)
    return bytes(body) + hashlib.sha256(body).digest()


tags = st.text("ABCxyz019", min_size=4, max_size=4).filter(lambda tag: tag[0].isalpha())


@given(st.dictionaries(tags, st.binary(max_size=40), max_size=6))
def test_what_is_packed_is_unpacked(sections):
    blob = cbm.pack(cbm.Model(sections))
    model = cbm.unpack(blob, "x.cbm")
    assert dict(model.sections) == sections
    assert list(model.sections) == list(sections)
    assert cbm.pack(model) == blob


def test_the_layout_is_the_designs():
    blob = cbm.pack(small())
    assert blob[:4] == b"CBM1"
    version, arithmetic, firmware, count, length = struct.unpack_from("<HHHHI", blob, 4)
    assert (version, arithmetic, firmware, count, length) == (1, 1, 1, 3, len(blob))
    tag, offset, size = struct.unpack_from("<4sII", blob, 16 + 12)
    assert (tag, offset % 4, size) == (b"POLY", 0, 5)
    assert blob[offset : offset + 8] == b"\x01\x02\x03\x04\x05\0\0\0"
    assert blob[-32:] == hashlib.sha256(blob[:-32]).digest()
    assert cbm.digest(blob) == hashlib.sha256(blob[:-32]).hexdigest()


def test_meta_is_sorted_compact_and_repeats():
    assert cbm.encode_meta({"b": 1, "a": "é"}) == b'{"a":"\\u00e9","b":1}'
    assert small().meta == {"app": "roastmeter", "name": "cup"}
    with pytest.raises(ModelError, match="META"):
        cbm.encode_meta({"a": float("nan")})
    with pytest.raises(ModelError, match="META"):
        cbm.encode_meta({"a": object()})
    with pytest.raises(ModelError, match="no META"):
        _ = cbm.Model({}).meta


def test_every_changed_byte_is_refused():
    blob = cbm.pack(small())
    for at in range(len(blob)):
        for flip in (0x01, 0x80, 0xFF, 0x20):
            wrong = bytearray(blob)
            wrong[at] ^= flip
            with pytest.raises(ModelError, match=r"^x\.cbm: "):
                cbm.unpack(bytes(wrong), "x.cbm")


def test_every_truncation_and_every_tail_is_refused():
    blob = cbm.pack(small())
    for length in range(len(blob)):
        with pytest.raises(ModelError, match=r"^x\.cbm: "):
            cbm.unpack(blob[:length], "x.cbm")
    for tail in (b"\0", b"\0" * 4, blob):
        with pytest.raises(ModelError, match="cut off or added to"):
            cbm.unpack(blob + tail, "x.cbm")


def mutated(rng, blob):
    wrong = bytearray(blob)
    for _ in range(rng.randint(1, 8)):
        kind = rng.randrange(4)
        at = rng.randrange(len(wrong) or 1)
        if kind == 0 and wrong:
            wrong[at] = rng.randrange(256)
        elif kind == 1:
            del wrong[at : at + rng.randrange(1, 20)]
        elif kind == 2:
            wrong[at:at] = rng.randbytes(rng.randrange(1, 20))
        elif wrong:
            wrong[at : at + 4] = struct.pack("<I", rng.choice([0, 1, 4, 2**31, 2**32 - 1, len(wrong)]))
    return bytes(wrong)


def test_ten_thousand_mutations_are_refused():
    blob, rng = cbm.pack(small()), random.Random(3)
    for _ in range(10_000):
        wrong = mutated(rng, blob)
        if wrong != blob:
            with pytest.raises(ModelError, match=r"^x\.cbm: "):
                cbm.unpack(wrong, "x.cbm")


def test_mutations_with_a_fitting_digest_are_a_model_or_refused():
    """What the digest cannot catch, the table's own checks do; anything accepted packs to the same bytes."""
    blob, rng = cbm.pack(small()), random.Random(4)
    accepted = 0
    for _ in range(10_000):
        wrong = mutated(rng, blob[:-32]) + bytes(32)
        if len(wrong) < 48:
            continue
        wrong = resigned(wrong)
        try:
            model = cbm.unpack(wrong, "x.cbm")
        except ModelError:
            continue
        accepted += 1
        assert cbm.pack(model) == wrong
    assert 0 < accepted < 10_000


def table(*rows, body=b"\0" * 8):
    """A model file with the given rows `(tag, offset, length)`."""
    head = struct.pack("<4sHHHHI", b"CBM1", 1, 1, 1, len(rows), 0)
    return resigned(head + b"".join(struct.pack("<4sII", *row) for row in rows) + body + bytes(32))


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b" + bytes(100), "not a canbean model"),
        (b"CBM1" + bytes(20), "cut off"),
        (table((b"AAAA", 30, 4)), "not a multiple of 4"),
        (table((b"AAAA", 28, 64)), "past the end"),
        (table((b"AAAA", 28, 2**32 - 1)), "past the end"),
        (table((b"AAAA", 0, 4)), "inside what is before"),
        (table((b"AAAA", 40, 8), (b"BBBB", 44, 4)), "inside what is before"),
        (table((b"AAAA", 40, 4), (b"AAAA", 44, 4)), "twice"),
        (table((b"AAAA", 32, 4)), "belong to nothing"),
        (table((b"AAAA", 28, 4)), "belong to nothing"),
        (table((b"AA A", 28, 8)), "the tag"),
        (table((b"1AAA", 28, 8)), "the tag"),
        (table((b"AAAA", 28, 5), body=b"\0\0\0\0\0\0\0\x01"), "padded with zeros"),
        (table((b"AAAA", 28, 5), body=b"\0\0\0\0\0"), "padded with zeros"),
        (table(*[(b"AAAA", 28, 0)] * 17, body=b""), "table of 17 sections"),
        (table((b"META", 28, 8), body=b"[1, 2] \n"), "not a JSON object"),
        (table((b"META", 28, 8), body=b'{"a": 1 '), "not JSON"),
        (table((b"META", 28, 8), body=b"\xff" * 8), "not JSON"),
        (table((b"META", 28, 40_000), body=b"[" * 40_000), "not JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_has_its_reason(blob, reason):
    with pytest.raises(ModelError, match=reason) as caught:
        cbm.unpack(blob, "x.cbm")
    assert str(caught.value).startswith("x.cbm: ")


@pytest.mark.parametrize(("at", "reason"), [(4, "layout version 2"), (6, "arithmetic version 2")])
def test_another_version_is_named(at, reason):
    blob = bytearray(cbm.pack(small()))
    blob[at] = 2
    with pytest.raises(ModelError, match=reason):
        cbm.unpack(resigned(blob), "x.cbm")


def test_optional_sections_are_kept_and_critical_ones_refused():
    model = cbm.unpack(cbm.pack(small()), "x.cbm")
    assert model.sections["note"] == b""
    model.refuse_unknown({"POLY"}, "x.cbm")
    with pytest.raises(ModelError, match=r"x\.cbm: has a section POLY"):
        model.refuse_unknown({"FEAT"}, "x.cbm")


@pytest.mark.parametrize("tag", ["", "ABC", "ABCDE", "1ABC", "AB C", "ÄBCD"])
def test_a_bad_tag_is_not_written(tag):
    with pytest.raises(ModelError, match="tag"):
        cbm.pack(cbm.Model({tag: b""}))


def test_files(tmp_path):
    path = tmp_path / "m.cbm"
    cbm.write(path, small())
    assert cbm.read(path).sections == small().sections
    assert [p.name for p in tmp_path.iterdir()] == ["m.cbm"]
    with pytest.raises(FileError, match="absent"):
        cbm.read(tmp_path / "absent.cbm")
    with pytest.raises(FileError, match="folder"):
        cbm.read(tmp_path)
    with pytest.raises(FileError):
        cbm.write(tmp_path / "absent" / "m.cbm", small())


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.cbm"
    with path.open("wb") as file:
        file.truncate(cbm.LARGEST + 1)
    with pytest.raises(ModelError, match="no model has more"):
        cbm.read(path)


def test_too_much_is_not_written():
    with pytest.raises(ModelError, match="at most 16"):
        cbm.pack(cbm.Model({f"A{i:03}": b"" for i in range(17)}))
    with pytest.raises(ModelError, match="bytes"):
        cbm.pack(cbm.Model({"AAAA": bytes(5 << 20)}))


def test_meta_survives_a_file():
    meta = {"name": "n", "deep": [{"a": [1, 2.5, None, True]}]}
    model = cbm.unpack(cbm.pack(cbm.Model({"META": cbm.encode_meta(meta)})), "x")
    assert model.meta == json.loads(json.dumps(meta))
