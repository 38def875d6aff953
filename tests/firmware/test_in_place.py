"""A model in a ROMFS is read where it lies: the same answers, less heap, nothing allocated; and which file is the model."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from canbean.board import firmware, profiles
from canbean.board.flash import romfs
from canbean.tiny import cbm
from canbean.tiny.features import Features
from canbean.tiny.predictor import Predictor
from regressor_cases import shallow_regressor
from shallow_cases import random_forest

ROOT = Path(__file__).parents[2]

LOADED = """
import gc, json, sys, vfs
gc.disable()
with open("{folder}/image", "rb") as file:
    image = file.read()
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path.insert(0, "/rom")
from canbean.console import Console
from canbean.lines import Lines
from canbean.link import Link
from apps import roastmeter as app
app.load("/rom/model.cbm")
gc.collect()
before = gc.mem_alloc()
of_file = app.load("{folder}/model.cbm")[1]
gc.collect()
in_file = gc.mem_alloc() - before
gc.collect()
before = gc.mem_alloc()
of_rom = app.load("/rom/model.cbm")[1]
gc.collect()
in_rom = gc.mem_alloc() - before
readings = {readings}
for one in readings:
    assert of_file.predict(one) == of_rom.predict(one)
def spent(count):
    before = gc.mem_alloc()
    for i in range(count):
        of_rom.predict(readings[i & 7])
    return gc.mem_alloc() - before
print(json.dumps([[in_file, in_rom], spent(1000) - spent(8)]))
"""


def image(folder, app, model, architecture=None):
    """Firmware and model as one ROMFS in the folder, and the model beside it."""
    tree = folder / "tree"
    tree.mkdir(parents=True)
    firmware.build(tree, app, "linux", architecture=architecture)
    content = {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*.mpy")}
    (folder / "model.cbm").write_bytes(cbm.pack(model))
    (folder / "image").write_bytes(romfs.image({**content, "model.cbm": cbm.pack(model)}))


def meter(tag):
    """A roast meter's model with a kind of that tag, and rows of readings."""
    regressor, readings = shallow_regressor(np.random.default_rng(3), tag)
    meta = cbm.encode_meta({"app": "roastmeter"})
    sections = {"META": meta, **regressor.sections(), "GOLD": regressor.golden(readings[:8])}
    return cbm.Model(sections), readings[:8].tolist()


@pytest.mark.parametrize("architecture", [None, "x64"])
@pytest.mark.parametrize("tag", ["DENS", "FRST", "KNNS", "RBFS", "POLY", "SPLN"])
def test_it_answers_the_same_from_there_with_less_heap(tag, architecture, tmp_path, vm):
    model, readings = meter(tag)
    image(tmp_path, "roastmeter", model, architecture)
    (in_file, in_rom), spent = json.loads(vm.run(LOADED.format(folder=tmp_path, readings=readings), path=()))
    assert spent == 0
    # all of the section but for a view of it; a spline keeps nothing of its own
    saved = len(model.sections[tag]) if tag != "SPLN" else 0
    assert in_file - in_rom >= saved - 128


WORDS = """
import sys, vfs
with open("image", "rb") as file:
    image = file.read()
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path.insert(0, "/rom")
from apps import {app} as app
said = []
for path in ("model.cbm", "/rom/model.cbm"):
    loaded = app.load(path)
    said.append({said})
assert said[0] == said[1], said
print(said[0])
"""


def test_a_ready_meter_says_its_words_from_there(tmp_path, vm):
    image(tmp_path, "roastmeter", cbm.read(ROOT / "models" / "max3010x.cbm"))
    said = "[(s.words(n), s.half(n), s.degree(n)) for s in (loaded[1].scale,) for n in range(0, 40000, 1111)]"
    found = vm.run(WORDS.format(app="roastmeter", said=said), cwd=tmp_path, path=())
    assert len({row[2] for row in ast.literal_eval(found)} - {None}) > 3


def test_any_predictor_names_its_classes_from_there(tmp_path, vm):
    front = Features.fit(np.random.default_rng(1).normal(500, 30, (50, 6)))
    kind = random_forest(np.random.default_rng(2), 6, 3)
    rows = front.readings(np.random.default_rng(3).normal(500, 30, (8, 6)))
    predictor = Predictor(front, kind, "classification", classes=("one", "two", "three"), examples=rows)
    image(tmp_path, "model", predictor.model())
    found = vm.run(WORDS.format(app="model", said="(loaded[0], loaded[2])"), cwd=tmp_path, path=())
    assert ast.literal_eval(found)[1] == ["one", "two", "three"]


def test_a_chip_that_reads_its_flash_by_words_gets_no_native_code():
    """Native code reads single bytes, for which an ESP8266 has an exception: a model in its flash would end every start."""
    for board in map(profiles.profile, profiles.names()):
        assert not (board.loader == "esp8266" and board.native)


START = """
import os, sys, json
{hide}
from commands import boot
class Board:
    pass
boot.start(Board)
print(Board.slot)
"""


@pytest.mark.parametrize(
    ("files", "rom", "slot"),
    [
        ((), True, "/rom/model.cbm"),
        (("model.cbm",), True, "model.cbm"),
        ((), False, "model.cbm"),
    ],
)
def test_which_model_runs_where_nothing_is_set(files, rom, slot, tmp_path, vm):
    for name in files:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "image").write_bytes(romfs.image({"model.cbm": b"any"}))
    mount = "import vfs\nvfs.mount(vfs.VfsRom(open('image', 'rb').read()), '/rom')" if rom else ""
    assert vm.run(START.format(hide=mount), cwd=tmp_path).strip() == slot
