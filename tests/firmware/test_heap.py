"""Memory of the gateway: it fits the smallest board, and stays as it is for a million frames."""

import pytest

from gateway_load import LEDGER_BYTES, bus_model, ledger, soak


@pytest.fixture(scope="module")
def load_model(tmp_path_factory):
    return bus_model(tmp_path_factory.mktemp("load") / "load.cbm")


def test_the_ledger_of_a_32_bit_board_holds(load_model, tmp_path, vm32):
    assert 10_000 < ledger(load_model, tmp_path) <= LEDGER_BYTES


def test_a_million_frames_leave_the_heap_as_it_was(load_model, vm):
    said = soak(load_model, 1_000_000)
    assert said["frames"] == 1_000_000
    assert said["errors"] == 0
    assert said["heap_free_after"] >= said["heap_free_before"] > 0
