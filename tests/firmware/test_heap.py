"""Memory of the gateway: it fits the smallest board, and stays as it is for a million frames."""

import json

import numpy as np
import pytest

from board_cost_cases import gateway, write
from canbean.board import firmware
from canbean.tiny import cbm
from canbean.tiny.features import Features
from canbean.tiny.kernel import Kernel
from canbean.tiny.polynomial import Polynomial
from canbean.tiny.predictor import Predictor
from gateway_ledger import BOARD, LEDGER_BYTES, ledger
from gateway_load import bus_model, soak
from regressor_cases import shallow_regressor


@pytest.fixture(scope="module")
def load_model(tmp_path_factory):
    return bus_model(tmp_path_factory.mktemp("load") / "load.cbm")


def test_the_ledger_of_a_32_bit_board_holds(load_model, tmp_path, vm32):
    assert 10_000 < ledger(load_model, tmp_path) <= LEDGER_BYTES


def test_the_ledger_holds_with_the_sequence_of_ids_too(tmp_path, vm32):
    path = write(gateway(50, sequence=True), tmp_path / "sequence.cbm")
    (tmp_path / "board").mkdir()
    assert 10_000 < ledger(path, tmp_path / "board") <= LEDGER_BYTES


def test_the_ledger_holds_from_romfs_with_an_open_slcan_channel(tmp_path, vm32):
    path = write(gateway(50, sequence=True), tmp_path / "sequence.cbm")
    (tmp_path / "board").mkdir()
    opens = BOARD.replace('b"hello\\n"', 'b"L\\r"')
    assert opens != BOARD
    # the first of an alert's frames
    taken = ledger(path, tmp_path / "board", romfs=True, board=opens, shows=(b"T1FBEA500",))
    assert 10_000 < taken <= LEDGER_BYTES


def test_a_million_frames_leave_the_heap_as_it_was(load_model, vm):
    said = soak(load_model, 1_000_000)
    assert said["frames"] == 1_000_000
    assert said["errors"] == 0
    assert said["heap_free_after"] >= said["heap_free_before"] > 0


LOADED = """
import gc, json, sys
gc.disable()
sys.path.insert(0, "/input")
gc.collect()
before = gc.mem_alloc()
from canbean.console import Console
from canbean.lines import Lines
from canbean.link import Link
lines = Lines(lambda data: None, "00000000")
link = Link(lambda buffer: 0, None, None, None, 128)
from apps import {app} as app
loaded = app.load("/input/model.cbm")
gc.collect()
held = gc.mem_alloc() - before
predictor = loaded[1]
readings = [1000] * predictor.channels
predictor.predict(readings)
before = gc.mem_alloc()
for i in range(20):
    readings[0] = 100 * i
    predictor.predict(readings)
print(json.dumps([held, gc.mem_alloc() - before]))
"""


def applications():
    """Of each: its name, and a model as large as users of the smallest board make them."""
    rng = np.random.default_rng(1)
    vectors, weights = rng.normal(0, 4096, (60, 6)), rng.normal(0, 1e4, (60, 1))
    kinds = (
        Kernel.from_float(vectors, weights, [500], 1e-8),
        Polynomial.from_float(1, 90, rng.standard_normal(24), 24),
    )
    for kind in kinds:
        front = Features.fit(rng.normal(500, 30, (50, kind.features)))
        examples = front.readings(rng.normal(500, 30, (8, kind.features)))
        yield "model", Predictor(front, kind, "regression", examples=examples).model()
    regressor, readings = shallow_regressor(rng, "DENS")
    meta = cbm.encode_meta({"app": "roastmeter"})
    yield (
        "roastmeter",
        cbm.Model({"META": meta, **regressor.sections(), "GOLD": regressor.golden(readings[:8])}),
    )


def test_other_applications_fit_the_smallest_board_too(tmp_path, vm32):
    for number, (app, model) in enumerate(applications()):
        folder = tmp_path / str(number)
        folder.mkdir()
        firmware.build(folder, app, "linux")
        cbm.write(folder / "model.cbm", model)
        held, spent = json.loads(vm32(LOADED.format(app=app), folder))
        assert 10_000 < held <= LEDGER_BYTES
        assert spent == 0
