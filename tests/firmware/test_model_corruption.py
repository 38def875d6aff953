"""What was changed in a model file is refused by the board's own reader, on the VM, in a heap of 64 KiB.

Behind a digest that fits (a board without a key cannot know better) a model is refused or loads, whatever its sections ask for.
"""

import hashlib
import random
import struct
import tracemalloc

import pytest

from canbean.board import firmware
from canbean.errors import ModelError
from canbean.tiny import cbm
from model_cases import KEY, KINDS, KNOWN, METERS, application, damaged, forged, hostile, open_on_host, small

HEAP = "80K"
OPEN = """
import gc, sys
from canbean.model import Model
from apps import {app} as app
class Lines:
    def send(self, *_):
        pass
def opened(path):
    if {app!r} == "gateway":
        from canbean.watch import Watch
        model = Model(path, "gateway", {known!r})
        try:
            Watch(model, Lines()).golden(model)
        finally:
            model.close()
    else:
        app.load(path)
def verdict(path):
    try:
        opened(path)
    except Exception as error:
        # a console says the reason, or the error's name
        return type(error).__name__ + " " + str(error)
    return ""
"""
EVERY_BYTE = (
    OPEN
    + """
with open("good.cbm", "rb") as file:
    blob = bytearray(file.read())
taken = tried = silent = 0
def attempt(content):
    global taken, tried, silent
    with open("model.cbm", "wb") as file:
        file.write(content)
    tried += 1
    try:
        Model("model.cbm", {app!r}, {known!r}).close()
        taken += 1
    except ValueError as error:
        silent += not str(error)
for at in range(len(blob)):
    byte = blob[at]
    for value in {values}:
        blob[at] = value
        attempt(blob)
    blob[at] = byte
for length in range(len(blob)):
    attempt(memoryview(blob)[:length])
print(taken, silent, tried, verdict("good.cbm") or "good")
"""
)
EVERY_CASE = (
    OPEN
    + """
import hashlib, struct
from binascii import hexlify
with open("cases", "rb") as cases, open("verdicts", "w") as verdicts:
    while True:
        head = cases.read(4)
        if not head:
            break
        with open("model.cbm", "wb") as file:
            left = struct.unpack("<I", head)[0]
            while left:
                part = cases.read(min(left, 512))
                file.write(part)
                left -= len(part)
        said = verdict("model.cbm")
        if not said:
            model = Model("model.cbm", {app!r}, {known!r})
            held = hashlib.sha256()
            for tag in sorted(model.sections):
                held.update(tag.encode())
                held.update(model.read(tag))
            model.close()
            said = "taken " + str(hexlify(held.digest()), "ascii")
        verdicts.write(said.replace("\\n", " ") + "\\n")
print("done")
"""
)
FORMS = [(kind, None if number % 2 == 0 else KEY) for number, kind in enumerate(KINDS)]
# The digest sees what lies before it, whatever it is: the kinds of the application `model` are changed in fewer ways.
FULLY = KINDS[: KINDS.index("FPRN") + 1]
EVERY_BIT = "[byte ^ 1 << bit for bit in range(8)] + [byte ^ 255, byte + 1 + at % 254 & 255]"
A_BIT = "[byte ^ 1 << at % 8, byte ^ 255]"
# What a console catches and says, and the apps with it; anything else would be a fault of ours.
REFUSALS = {"ValueError", "MemoryError", "IndexError", "OverflowError", "UnicodeError"}


@pytest.fixture
def run(vm, tmp_path):
    """`run(code, kind)` on the VM, in a folder with the firmware as a board has it."""

    def run(code, kind):
        app = application(kind)
        firmware.build(tmp_path, app, "linux")
        return vm.run(
            code.format(app=app, known=KNOWN[app], values=EVERY_BIT if kind in FULLY else A_BIT),
            cwd=tmp_path,
            path=(tmp_path,),
            heap=HEAP,
            timeout=300,
        )

    return run


def verdicts(run, folder, kind, blobs):
    with (folder / "cases").open("wb") as file:
        for blob in blobs:
            file.write(struct.pack("<I", len(blob)) + blob)
    assert run(EVERY_CASE, kind).strip() == "done"
    said = (folder / "verdicts").read_bytes().decode(errors="replace").split("\n")[:-1]
    assert len(said) == len(blobs)
    return said


@pytest.mark.parametrize(("kind", "key"), FORMS, ids=KINDS)
def test_every_changed_byte_and_every_truncation_is_refused(run, tmp_path, kind, key):
    blob = cbm.pack(small(kind), key)
    (tmp_path / "good.cbm").write_bytes(blob)
    if key:
        (tmp_path / "key").write_text(key.hex())
    assert run(EVERY_BYTE, kind).split() == ["0", "0", str((11 if kind in FULLY else 3) * len(blob)), "good"]


@pytest.mark.parametrize(("kind", "key"), FORMS, ids=KINDS)
def test_thousands_of_mutations_are_refused(run, tmp_path, kind, key):
    dice, blob = random.Random(5), cbm.pack(small(kind), key)
    other = cbm.pack(small(KINDS[KINDS.index(kind) - 1]))
    if key:
        (tmp_path / "key").write_text(key.hex())
    said = verdicts(
        run, tmp_path, kind, [damaged(dice, blob, other) for _ in range(10_000 if kind in FULLY else 1000)]
    )
    assert {line.split(" ")[0] for line in said} == {"ValueError"}
    assert all(len(line) > 20 for line in said)


@pytest.mark.parametrize("kind", KINDS)
def test_forgeries_are_refused_or_load_as_they_are(run, tmp_path, kind):
    dice, model = random.Random(6), small(kind)
    other = cbm.pack(small(KINDS[KINDS.index(kind) - 1]))
    tried = 2500 if kind in FULLY else 1500
    blobs = [forged(dice, model, other) for _ in range(tried)]
    said = verdicts(run, tmp_path, kind, blobs)
    assert {line.split(" ")[0] for line in said} <= REFUSALS | {"taken"}
    assert 60 < sum(line.startswith("taken") for line in said) < 0.8 * tried
    agreed = 0
    for blob, line in zip(blobs, said, strict=True):
        try:
            found = open_on_host(blob, kind)
        except ModelError:
            continue
        if line.startswith("taken"):
            agreed += 1
            assert line == "taken " + held(found)
    assert agreed > 60


def held(model):
    sections = sorted(model.sections.items())
    return hashlib.sha256(b"".join(tag.encode() + content for tag, content in sections)).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_a_board_with_a_key_refuses_forgeries_before_it_reads_them(run, tmp_path, kind):
    dice, model = random.Random(7), small(kind)
    blobs = [forged(dice, model, b"abc") for _ in range(300)]
    blobs += [bytes(blob[:11]) + b"\1" + struct.pack("<I", len(blob) + 32) + blob[16:] for blob in blobs]
    blobs = [blob + bytes(32 if blob[11] == 1 else 0) for blob in blobs]
    (tmp_path / "key").write_text(KEY.hex())
    said = verdicts(run, tmp_path, kind, blobs)
    assert {line.split(" ")[0] for line in said} == {"ValueError"}
    assert not any("section" in line for line in said)


@pytest.mark.parametrize("kind", KINDS)
def test_sections_that_ask_for_too_much_are_refused(run, tmp_path, kind):
    blobs = [cbm.pack(model) for model in hostile(kind)]
    said = verdicts(run, tmp_path, kind, blobs)
    assert {line.split(" ")[0] for line in said} <= REFUSALS | {"taken"}
    for blob, line in zip(blobs, said, strict=True):
        if line.startswith("taken"):
            # fields that no golden vector asks for
            assert len(cbm.unpack(blob, "x").sections[kind]) == len(small(kind).sections[kind])
    assert sum(line.startswith("taken") for line in said) < len(said) / 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "FPRN"])
def test_on_cpython_they_take_no_more_memory_than_their_file(kind):
    name = "Regressor" if kind in METERS else "Predictor"
    board = getattr(firmware.module(name.lower()), name)
    tracemalloc.start()
    for model in hostile(kind):
        try:
            made = board(dict(model.sections))
            made.predict([1000] * made.channels)
        except Exception:
            continue
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20
