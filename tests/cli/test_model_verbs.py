"""`canbean model key | sign | verify | show`, as a user would run them."""

import json

import pytest

from canbean.tiny import cbm, keys
from canbean_run import canbean, failed
from model_cases import KEY, KINDS, small


@pytest.fixture
def folder(tmp_path):
    cbm.write(tmp_path / "m.cbm", small("POLY"))
    assert canbean("model", "key", "-o", tmp_path / "K").code == 0
    return tmp_path


def test_a_key_is_made_once_and_never_shown(folder):
    again = canbean("model", "key", "-o", folder / "K")
    failed(again, folder / "K")
    made = canbean("model", "key", "-o", folder / "L")
    assert made.out == ""
    assert keys.read_key(folder / "L").hex() not in made.err


@pytest.mark.parametrize("kind", KINDS)
def test_sign_then_verify(folder, kind):
    cbm.write(folder / "m.cbm", small(kind))
    plain, signed = folder / "m.cbm", folder / "s.cbm"
    assert canbean("model", "sign", plain, "--key", folder / "K", "-o", signed).code == 0
    assert signed.read_bytes() == cbm.pack(small(kind), keys.read_key(folder / "K"))
    done = canbean("model", "verify", signed, "--key", folder / "K", "--json")
    assert done.code == 0, done.err
    vectors = small(kind).sections["GOLD"][0]
    assert json.loads(done.out) == {
        "model": str(signed),
        "bytes": len(signed.read_bytes()),
        "digest": cbm.digest(plain.read_bytes()),
        "signed": True,
        "signature_checked": True,
        "golden": vectors,
    }
    said = canbean("model", "verify", signed, "--key", folder / "K").out
    assert "signed with this key" in said
    assert f"golden vectors: {vectors} answered" in said


def test_what_verify_refuses(folder):
    key, plain, signed = folder / "K", folder / "m.cbm", folder / "s.cbm"
    failed(canbean("model", "verify", plain, "--key", key), "is not signed")
    cbm.write(signed, small("POLY"), KEY)
    failed(canbean("model", "verify", signed, "--key", key), "another key")
    unchecked = canbean("model", "verify", signed)
    assert unchecked.code == 0
    assert "not checked" in unchecked.out
    (folder / "bad").write_text("no key")
    failed(canbean("model", "verify", plain, "--key", folder / "bad"), "holds no key")
    plain.write_bytes(plain.read_bytes()[:-1])
    failed(canbean("model", "verify", plain), "cut off")


@pytest.mark.parametrize("kind", KINDS)
def test_golden_vectors_answered_differently(folder, kind):
    gold = bytearray(small(kind).sections["GOLD"])
    gold[-4] ^= 1
    wrong = cbm.Model({**small(kind).sections, "GOLD": bytes(gold)})
    cbm.write(folder / "m.cbm", wrong)
    failed(canbean("model", "verify", folder / "m.cbm"), "golden vector")
    failed(
        canbean("model", "sign", folder / "m.cbm", "--key", folder / "K", "-o", folder / "s.cbm"),
        "golden vector",
    )
    assert not (folder / "s.cbm").exists()
    without = cbm.Model({tag: c for tag, c in small(kind).sections.items() if tag != "GOLD"})
    cbm.write(folder / "m.cbm", without)
    failed(canbean("model", "verify", folder / "m.cbm"), "no GOLD section")


def test_an_application_that_is_not_known_here(folder):
    cbm.write(folder / "m.cbm", cbm.Model({"META": cbm.encode_meta({"app": "else"}), "Else": b"?"}))
    done = canbean("model", "verify", folder / "m.cbm", "--json")
    assert json.loads(done.out)["golden"] is None
    assert "not answered here" in canbean("model", "verify", folder / "m.cbm").out


def test_show_says_whether_it_is_signed(folder):
    assert json.loads(canbean("model", "show", folder / "m.cbm", "--json").out)["signed"] is False
    assert "not signed" in canbean("model", "show", folder / "m.cbm").out
    cbm.write(folder / "m.cbm", small("POLY"), KEY)
    assert json.loads(canbean("model", "show", folder / "m.cbm", "--json").out)["signed"] is True
    assert "signed;" in canbean("model", "show", folder / "m.cbm").out


def test_signing_may_replace_the_model_but_not_the_key(folder):
    key, plain = folder / "K", folder / "m.cbm"
    failed(canbean("model", "sign", plain, "--key", key, "-o", key), key)
    assert canbean("model", "sign", plain, "--key", key, "-o", plain).code == 0
    assert cbm.read(plain, keys.read_key(key)).signed
