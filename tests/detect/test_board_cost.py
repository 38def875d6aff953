"""What a gateway is said to take of a small board, against the 32-bit VM."""

import pytest

from board_cost_cases import fuel_a_frame, gateway, write
from canbean.detect import model
from canbean.detect.board_cost import FUEL_PER_INSTRUCTION, ram_bytes, us_per_frame
from canbean.tiny import cbm
from canbean.tiny.cost import CYCLES_PER_INSTRUCTION
from gateway_ledger import LEDGER_BYTES, ledger
from gateway_load import bus_model

GATEWAYS = {
    "one id": {"ids": 1},
    "fingerprint": {"ids": 50},
    "many ids": {"ids": 120},
    "open set of ids": {"ids": 50, "unknown_bits": 1000},
    "checks": {"ids": 50, "checks": (50, 3)},
    "checks with CRCs": {"ids": 50, "checks": (20, 1), "crcs": 6},
    "rules": {"ids": 50, "rules": 30},
    "checks and rules": {"ids": 30, "checks": (20, 2), "rules": 5},
    "sequence": {"ids": 80, "sequence": True},
    "mixture": {"ids": 20, "mixture": True},
    "clock": {"ids": 60, "clock": True},
    "autoencoder": {"ids": 50, "vae": 5},
    "LSTM": {"ids": 50, "lstm": 1},
    "all": {
        "ids": 70, "unknown_bits": 1000, "checks": (40, 2), "rules": 8, "sequence": True, "mixture": True,
        "clock": True, "vae": 3, "lstm": 7,
    },
}  # fmt: skip


IN_ROMFS = ("fingerprint", "sequence", "all")


@pytest.mark.parametrize(
    ("name", "romfs"), [*((name, False) for name in GATEWAYS), *((name, True) for name in IN_ROMFS)]
)
def test_heap_is_within_3_percent_of_the_vm_s(name, romfs, tmp_path, vm32):
    of = gateway(**GATEWAYS[name])
    (tmp_path / "board").mkdir()
    taken = ledger(write(of, tmp_path / "model.cbm"), tmp_path / "board", romfs=romfs)
    assert ram_bytes(of, romfs=romfs) == pytest.approx(taken, rel=0.03)


def test_heap_of_a_learned_gateway(tmp_path, vm32):
    path = bus_model(tmp_path / "model.cbm")
    (tmp_path / "board").mkdir()
    assert ram_bytes(model.unpack(cbm.read(path), "it")) == pytest.approx(
        ledger(path, tmp_path / "board"), rel=0.03
    )


@pytest.mark.parametrize("more", [{}, {"unknown_bits": 1000}])
def test_a_fingerprint_of_50_ids_fits_the_smallest_board(more):
    assert ram_bytes(gateway(50, **more)) <= LEDGER_BYTES


@pytest.mark.parametrize("name", ["fingerprint", "checks", "rules", "sequence", "mixture", "all"])
def test_time_is_within_three_tenths_of_the_vm_s(name, tmp_path, vm32):
    of = gateway(**GATEWAYS[name])
    us = fuel_a_frame(of, tmp_path) / FUEL_PER_INSTRUCTION * CYCLES_PER_INSTRUCTION / 80
    assert us_per_frame(of) == pytest.approx(us, rel=0.3)


def test_twice_the_clock_is_half_the_time():
    of = gateway(10)
    assert us_per_frame(of, 160) == pytest.approx(us_per_frame(of, 80) / 2)


@pytest.mark.parametrize(
    "more",
    [
        {"unknown_bits": 1000},
        {"checks": (5, 1)},
        {"rules": 1},
        {"sequence": True},
        {"mixture": True},
        {"clock": True},
        {"vae": 1},
        {"lstm": 1},
        {"ids": 60},
    ],
)
def test_more_takes_more(more):
    small, large = gateway(50), gateway(**{"ids": 50, **more})
    assert ram_bytes(large) > ram_bytes(small)
    assert ram_bytes(small, romfs=True) < ram_bytes(large, romfs=True) < ram_bytes(large)
    assert us_per_frame(large) >= us_per_frame(small)
