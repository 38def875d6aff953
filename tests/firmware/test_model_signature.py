"""A board with a key takes what is signed with it and nothing else; a board without takes both."""

import json

import pytest

from canbean.board import Board, VirtualBoard
from canbean.board.firmware import module
from canbean.tiny import cbm
from gateway_ledger import LEDGER_BYTES, ledger
from gateway_load import bus_model
from model_cases import KEY, KINDS, KNOWN, application, small

OTHER = bytes(reversed(KEY))
UNSIGNED = "the model is not signed, and this board has a key"
FOREIGN = "the model is signed with another key"


def load(path, kind="POLY"):
    app = application(kind)
    return module("model").Model(str(path), app, KNOWN[app])


@pytest.mark.parametrize("kind", KINDS)
def test_signed_with_the_boards_key(tmp_path, kind):
    model = small(kind)
    (tmp_path / "key").write_text(KEY.hex() + "\n")
    cbm.write(tmp_path / "m.cbm", model, KEY)
    found = load(tmp_path / "m.cbm", kind)
    assert {tag: bytes(found.read(tag)) for tag in found.sections} == dict(model.sections)
    assert found.digest == cbm.digest(cbm.pack(model))[:16]
    found.close()


@pytest.mark.parametrize(("signed_with", "reason"), [(None, UNSIGNED), (OTHER, FOREIGN)])
def test_anything_else_is_refused(tmp_path, signed_with, reason):
    (tmp_path / "key").write_text(KEY.hex())
    cbm.write(tmp_path / "m.cbm", small("POLY"), signed_with)
    with pytest.raises(ValueError, match=reason):
        load(tmp_path / "m.cbm")


def test_a_board_without_a_key_takes_both(tmp_path):
    for key in (None, KEY):
        cbm.write(tmp_path / "m.cbm", small("POLY"), key)
        found = load(tmp_path / "m.cbm")
        assert found.digest == cbm.digest(cbm.pack(small("POLY")))[:16]
        found.close()


@pytest.mark.parametrize(
    "text",
    ["", "\n", KEY.hex()[:-1], KEY.hex() + "0", KEY.hex()[:-1] + "g", KEY.hex() * 2, " " * 80 + KEY.hex()],
)
def test_a_key_file_that_holds_no_key_refuses_every_model_and_is_not_told(tmp_path, text):
    (tmp_path / "key").write_text(text)
    for key in (None, KEY):
        cbm.write(tmp_path / "m.cbm", small("POLY"), key)
        with pytest.raises(ValueError, match="this board's key file holds no key") as caught:
            load(tmp_path / "m.cbm")
        assert KEY.hex()[:8] not in str(caught.value)


def test_a_key_that_cannot_be_read_is_not_no_key(tmp_path):
    (tmp_path / "key").mkdir()
    cbm.write(tmp_path / "m.cbm", small("POLY"))
    with pytest.raises(OSError):
        load(tmp_path / "m.cbm")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("signed_with", "board_key", "reason"),
    [(KEY, KEY, None), (KEY, None, None), (None, KEY, UNSIGNED), (OTHER, KEY, FOREIGN)],
    ids=["signed", "no key", "unsigned", "foreign"],
)
def test_the_virtual_board(vm, tmp_path, kind, signed_with, board_key, reason):  # noqa: PLR0917  # its cases
    cbm.write(tmp_path / "m.cbm", small(kind), signed_with)
    with (
        # of the heap of the smallest board the ledger tells
        VirtualBoard(tmp_path / "m.cbm", application(kind), heap="23wK", key=board_key) as virtual,
        Board(virtual.port) as board,
    ):
        if board_key:
            assert (virtual.folder / "key").stat().st_mode & 0o777 == 0o600
        assert board.hello["golden"] == ("failed" if reason else "ok")
        assert board.hello["model"] == (None if reason else cbm.digest(cbm.pack(small(kind)))[:16])
        if reason:
            assert str(board.refusal) == reason


def test_the_ledger_of_a_32_bit_board_holds_with_a_key(tmp_path, vm32):
    model = cbm.read(bus_model(tmp_path / "load.cbm"))
    cbm.write(tmp_path / "signed.cbm", model, KEY)
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "key").write_text(KEY.hex())
    assert 10_000 < ledger(tmp_path / "signed.cbm", folder) <= LEDGER_BYTES


def test_the_hmac_allocates_little_however_long_the_model(vm, tmp_path):
    long = cbm.Model({**small("POLY").sections, "long": bytes(200_000)})
    cbm.write(tmp_path / "m.cbm", long, KEY)
    (tmp_path / "key").write_text(KEY.hex())
    said = vm.run(
        f"""
import json
from canbean.model import Model
Model("m.cbm", "roastmeter", {KNOWN["roastmeter"]!r}).close()
print(json.dumps("loaded"))
""",
        cwd=tmp_path,
        heap="48K",
    )
    assert json.loads(said) == "loaded"


def test_sections_that_no_reader_knows(tmp_path):
    model = small("DENS")
    kept = cbm.Model({**model.sections, "xtra": b"\x01\x02\x03"})
    blob = cbm.pack(kept, KEY)
    (tmp_path / "m.cbm").write_bytes(blob)
    (tmp_path / "key").write_text(KEY.hex())
    found = load(tmp_path / "m.cbm", "DENS")
    assert bytes(found.read("xtra")) == b"\x01\x02\x03"
    found.close()
    assert cbm.pack(cbm.unpack(blob, "m", KEY), KEY) == blob
    cbm.write(tmp_path / "m.cbm", cbm.Model({**model.sections, "Xtra": b"\x01"}), KEY)
    with pytest.raises(ValueError, match="section Xtra needs another firmware"):
        load(tmp_path / "m.cbm", "DENS")
