"""Signing: what is signed is opened with the same key only; the model's name stays; keys stay secret."""

import hashlib
import hmac
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.errors import FileError, ModelError
from canbean.tiny import cbm, keys
from model_cases import KEY, KINDS, KNOWN, application, small

tags = st.text("ABCxyz019", min_size=4, max_size=4).filter(lambda tag: tag[0].isalpha())
tables = st.dictionaries(tags, st.binary(max_size=40), max_size=6)
secrets = st.binary(min_size=32, max_size=32)


@given(tables, secrets)
def test_what_is_signed_is_opened_with_its_key(sections, key):
    model = cbm.Model(sections)
    blob = cbm.pack(model, key)
    for given_key in (key, None):
        found = cbm.unpack(blob, "x", given_key)
        assert found.signed
        assert dict(found.sections) == sections
        assert list(found.sections) == list(sections)
        assert cbm.pack(found, key) == blob
        assert cbm.pack(found) == cbm.pack(model)
    assert not cbm.unpack(cbm.pack(model), "x").signed


@given(tables, secrets, secrets)
def test_only_with_its_key(sections, key, other):
    model = cbm.Model(sections)
    if other != key:
        with pytest.raises(ModelError, match="another key"):
            cbm.unpack(cbm.pack(model, other), "x", key)
    with pytest.raises(ModelError, match="is not signed"):
        cbm.unpack(cbm.pack(model), "x", key)


@given(tables, secrets, secrets)
def test_the_name_is_that_of_the_unsigned_file(sections, key, other):
    plain = cbm.pack(cbm.Model(sections))
    assert cbm.digest(plain) == hashlib.sha256(plain[:-32]).hexdigest()
    assert {cbm.digest(cbm.pack(cbm.Model(sections), k)) for k in (key, other)} == {cbm.digest(plain)}


def test_the_layout_of_a_signed_file():
    plain, signed = cbm.pack(small("POLY")), cbm.pack(small("POLY"), KEY)
    assert (plain[10], plain[11]) == (5, 0)
    assert (signed[10], signed[11]) == (5, 1)
    assert struct.unpack_from("<I", signed, 12) == (len(signed),)
    assert len(signed) == len(plain) + 32
    assert signed[16:-64] == plain[16:-32]
    assert signed[-64:-32] == hashlib.sha256(signed[:-64]).digest()
    assert signed[-32:] == hmac.new(KEY, signed[:-32], "sha256").digest()


def test_downgrades_are_refused_where_there_is_a_key():
    """Stripping the signature by hand gives the unsigned file, which is whole, and which a key refuses."""
    signed = cbm.pack(small("KNNS"), KEY)
    body = bytearray(signed[:-64])
    body[11] = 0
    struct.pack_into("<I", body, 12, len(body) + 32)
    stripped = bytes(body) + hashlib.sha256(body).digest()
    assert stripped == cbm.pack(small("KNNS"))
    with pytest.raises(ModelError, match="is not signed"):
        cbm.unpack(stripped, "x", KEY)


def test_another_way_of_signing_is_named():
    blob = bytearray(cbm.pack(small("POLY"), KEY))
    blob[11] = 2
    with pytest.raises(ModelError, match="signed in a way 2"):
        cbm.unpack(bytes(blob), "x")


def test_a_header_that_claims_a_signature_it_has_no_room_for():
    head = struct.pack("<4sHHHBBI", b"CBM1", 1, 1, 1, 0, 1, 48)
    with pytest.raises(ModelError, match="do not hold a signed model"):
        cbm.unpack(head + hashlib.sha256(head).digest(), "x")


@pytest.mark.parametrize("key", [b"", b"k" * 31, b"k" * 33, b"k" * 64])
def test_a_key_of_another_length_is_refused_and_not_told(key):
    for call in (lambda: cbm.pack(small("POLY"), key), lambda: cbm.unpack(b"", "x", key)):
        with pytest.raises(ModelError, match="a key has 32 bytes") as caught:
            call()
        assert "kkk" not in str(caught.value)


def test_the_comparison_is_the_constant_time_one(monkeypatch):
    seen = []
    monkeypatch.setattr(
        cbm.hmac, "compare_digest", lambda a, b: seen.append((len(a), len(b))) is None and a == b
    )
    cbm.unpack(cbm.pack(small("POLY"), KEY), "x", KEY)
    with pytest.raises(ModelError):
        cbm.unpack(cbm.pack(small("POLY"), KEY), "x", KEY[::-1])
    assert seen == [(32, 32)] * 2


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("kind", KINDS)
def test_unknown_sections_keep_their_bytes_or_refuse(kind, key):
    odd = cbm.Model({**small(kind).sections, "xtra": b"\0\1\2", "zero": b""})
    found = cbm.unpack(cbm.pack(odd, key), "x", key)
    assert (found.sections["xtra"], found.sections["zero"], found.sections["note"]) == (
        b"\0\1\2",
        b"",
        b"kept",
    )
    assert cbm.pack(found, key) == cbm.pack(odd, key)
    known = set(KNOWN[application(kind)])
    found.refuse_unknown(known, "x")
    with pytest.raises(ModelError, match="section Xtra"):
        cbm.Model({**odd.sections, "Xtra": b""}).refuse_unknown(known, "x")


def test_key_files(tmp_path):
    path = tmp_path / "key"
    key = keys.new_key(path)
    assert len(key) == 32
    assert keys.read_key(path) == key
    assert path.read_text() == key.hex() + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileError, match="is there already"):
        keys.new_key(path)
    assert keys.read_key(path) == key
    with pytest.raises(FileError, match="cannot write a key here"):
        keys.new_key(tmp_path / "absent" / "key")
    with pytest.raises(FileError, match="cannot read this key"):
        keys.read_key(tmp_path / "absent")
    with pytest.raises(FileError, match="cannot read this key"):
        keys.read_key(tmp_path)
    assert keys.new_key(tmp_path / "other") != key


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys.os, "fsync", full)
    with pytest.raises(FileError, match="No space left"):
        keys.new_key(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


@given(st.binary(max_size=90))
@settings(max_examples=50)
def test_what_is_no_key_is_refused_and_not_told(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("keys") / "key"
    text = KEY.hex().encode() + b"!" + content
    path.write_bytes(text)
    with pytest.raises(ModelError, match="holds no key") as caught:
        keys.read_key(path)
    assert KEY.hex()[:6] not in str(caught.value)


def test_line_ends_and_capitals_are_taken(tmp_path):
    path = tmp_path / "key"
    for text in (KEY.hex(), KEY.hex().upper() + "\r\n", KEY.hex() + " \n"):
        path.write_text(text, newline="")
        assert keys.read_key(path) == KEY
