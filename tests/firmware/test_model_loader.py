"""The board's reader of model files: it takes what the host packs, and no byte changed."""

import random

import pytest

from canbean.board import Board, VirtualBoard
from canbean.board.firmware import module
from canbean.can import simulate
from canbean.detect import model
from canbean.detect.learn import learn
from canbean.tiny import cbm

KNOWN = ("META", "GOLD", "FPRN", "CHKS")


@pytest.fixture(scope="module")
def packed():
    return model.pack(
        learn([simulate.drive(30, 1)]), {"name": "m", "data": "simulated", "made_from": "a test"}
    )


def load(path, app="gateway"):
    return module("model").Model(str(path), app, KNOWN)


def test_it_reads_what_the_host_packs(tmp_path, packed):
    blob = cbm.pack(packed)
    (tmp_path / "m.cbm").write_bytes(blob)
    found = load(tmp_path / "m.cbm")
    assert found.digest == cbm.digest(blob)[:16]
    assert found.app == "gateway"
    for tag, content in packed.sections.items():
        assert bytes(found.read(tag)) == content
    vectors = model.golden_frames(model.unpack(packed, "m"))
    assert [(bytes(given), list(answers)) for given, answers in found.golden()] == vectors
    found.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda m: m.sections.update(META=cbm.encode_meta({"app": "roastmeter"})),
            "for the application roastmeter",
        ),
        (lambda m: m.sections.update(META=cbm.encode_meta({"name": "x"})), "names no application"),
        (lambda m: m.sections.update(NEWS=b"????"), "section NEWS needs another firmware"),
    ],
)
def test_what_is_not_for_it_is_refused_with_the_reason(tmp_path, packed, change, reason):
    other = cbm.Model(dict(packed.sections))
    change(other)
    (tmp_path / "m.cbm").write_bytes(cbm.pack(other))
    with pytest.raises(ValueError, match=reason):
        load(tmp_path / "m.cbm")


def test_an_unknown_optional_section_is_passed_over(tmp_path, packed):
    other = cbm.Model({**packed.sections, "note": b"hello"})
    (tmp_path / "m.cbm").write_bytes(cbm.pack(other))
    load(tmp_path / "m.cbm").close()


def test_ten_thousand_mutations_are_refused(tmp_path, packed):
    blob, path, dice = cbm.pack(packed), tmp_path / "m.cbm", random.Random(7)
    for _ in range(10_000):
        wrong = bytearray(blob)
        way = dice.randrange(4)
        at = dice.randrange(len(wrong))
        if way == 0:
            wrong[at] ^= dice.randint(1, 255)
        elif way == 1:
            del wrong[at:]
        elif way == 2:
            wrong[at:at] = dice.randbytes(dice.randint(1, 9))
        else:
            at = dice.randrange(100)
            wrong[at : at + 4] = dice.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\0\0\0\0"]
            )
        if wrong == blob:
            continue
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"."):
            load(path)


def test_the_vm_refuses_every_byte_changed(vm, tmp_path, packed):
    (tmp_path / "m.cbm").write_bytes(cbm.pack(packed))
    said = vm.run(
        f"""
from canbean.model import Model
with open("m.cbm", "rb") as file:
    blob = bytearray(file.read())
taken = 0
for at in range(len(blob)):
    blob[at] ^= 1 + at % 255
    with open("x.cbm", "wb") as file:
        file.write(blob)
    blob[at] ^= 1 + at % 255
    try:
        Model("x.cbm", "gateway", {KNOWN!r})
        taken += 1
    except ValueError:
        pass
print(len(blob), taken)
""",
        cwd=tmp_path,
    )
    assert said.split() == [str(len(cbm.pack(packed))), "0"]


def test_a_model_whose_golden_frames_are_answered_differently_is_refused(tmp_path, packed):
    fingerprint = bytearray(packed.sections["FPRN"])
    fingerprint[5] ^= 4  # the surprise of unknown ids
    other = cbm.Model({**packed.sections, "FPRN": bytes(fingerprint)})
    (tmp_path / "m.cbm").write_bytes(cbm.pack(other))
    found = load(tmp_path / "m.cbm")
    watch = module("watch").Watch(found, None)
    with pytest.raises(ValueError, match=r"golden frame"):
        watch.golden(found)
    found.close()


def test_a_gateway_says_that_its_golden_frames_fail(vm, tmp_path, packed):
    fingerprint = bytearray(packed.sections["FPRN"])
    fingerprint[5] ^= 4
    other = cbm.Model({**packed.sections, "FPRN": bytes(fingerprint)})
    cbm.write(tmp_path / "m.cbm", other)
    with VirtualBoard(tmp_path / "m.cbm", heap="23wK") as virtual, Board(virtual.port) as board:
        assert board.hello["golden"] == "failed"
        assert "golden frame" in str(board.refusal)
