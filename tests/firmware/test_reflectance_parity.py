"""Reflectances and the quality of a reading: the host's integers, on CPython and on the MicroPython VMs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.roast import quality
from canbean.roast.calibration import Calibration
from reflectance_cases import random_calibration, random_counts, random_measurements

WRONG = (
    "", "2026-11-26", "2026-11-26 u 400", "2026-11-26 u 400 1 2 3", "2026-11-26 u 400 1 2 3 4 5",
    "2026-11-26 u 400 0 0 0 0", "2026-11-26 u 400 16777216 9 0 0", "2026-11-26 u 400 0 9 15001 0",
    "2026-11-26 u 400 0 9 0 -1", "2026-11-26 u 4000 0 9 0 0", "2026-11-26 u x 0 9 0 0", "2026-11-26 u 400 0 9 0 1048576",
)  # fmt: skip


def board_reflectances(board, counts, celsius16):
    out = [0] * len(counts[0])
    rows = []
    for row, t in zip(counts, celsius16, strict=True):
        board.apply(row, t, out)
        rows.append(out[:])
    return rows


@given(st.integers(0, 2**32 - 1))
def test_the_firmware_on_cpython(seed):
    rng = np.random.default_rng(seed)
    c = random_calibration(rng)
    board = firmware.module("calibrated").reflectance(c.words().split())
    counts, celsius16 = random_counts(rng, len(c.channels), 20)
    assert (
        board_reflectances(board, counts.tolist(), celsius16.tolist()) == c.apply(counts, celsius16).tolist()
    )
    assert board_reflectances(board, counts.tolist(), [None] * 20) == c.apply(counts).tolist()
    assert list(board.empty) == c.empty.tolist()


@pytest.mark.parametrize("words", WRONG)
def test_a_line_that_cannot_be_is_refused(words):
    with pytest.raises(ValueError):
        firmware.module("calibrated").reflectance(words.split())
    with pytest.raises(ValueError, match="calibration"):
        Calibration.parse(words)


def board_judges(judge, counts, dark, spread, full, milli, empty):  # noqa: PLR0917 - as `judge`
    return [judge(*row, full, m, empty) for *row, m in zip(counts, dark, spread, milli, strict=True)]


@given(st.integers(0, 2**32 - 1))
def test_quality_on_cpython(seed):
    rng = np.random.default_rng(seed)
    case = random_measurements(rng, 40, int(rng.integers(1, 5)))
    listed = [v if isinstance(v, int) else v.tolist() for v in case]
    judge = firmware.module("quality").judge
    assert board_judges(judge, *listed) == quality.judge(*case).tolist()
    for milli in (None, ()):
        listed[4] = [milli] * 40
        assert board_judges(judge, *listed) == quality.judge(*case[:4], milli, case[5]).tolist()


def test_the_names_are_the_same():
    assert firmware.module("quality").QUALITY == quality.QUALITY


# what both VMs run: reflectances, then qualities, of cases as JSON
VM = """
import gc
gc.disable()
import json
from canbean.calibrated import reflectance
from canbean.quality import judge

def allocated(board, counts, celsius16, outs):
    board.apply(counts[0], celsius16[0], outs[0])
    before = gc.mem_alloc()
    for i in range(len(counts)):
        board.apply(counts[i], celsius16[i], outs[i])
    return gc.mem_alloc() - before

for line in open("%s/cases.json"):
    words, counts, celsius16, judged = json.loads(line)
    board = reflectance(words.split())
    outs = [[0] * len(counts[0]) for _ in counts]
    spent = allocated(board, counts, celsius16, outs)
    c, d, s, full, milli, empty = judged
    said = [judge(c[i], d[i], s[i], full, milli[i], empty) for i in range(len(c))]
    print(json.dumps([spent, outs, list(board.empty), said]))
"""


def write_cases(folder, count=40, rows=20):
    rng = np.random.default_rng(3)
    expected = []
    with (folder / "cases.json").open("w") as file:
        for _ in range(count):
            c = random_calibration(rng)
            counts, celsius16 = random_counts(rng, len(c.channels), rows)
            judged = random_measurements(rng, 60, len(c.channels))
            listed = [v if isinstance(v, int) else v.tolist() for v in judged]
            file.write(json.dumps([c.words(), counts.tolist(), celsius16.tolist(), listed]) + "\n")
            expected.append(
                [c.apply(counts, celsius16).tolist(), c.empty.tolist(), quality.judge(*judged).tolist()]
            )
    return expected


def test_micropython(vm, tmp_path):
    expected = write_cases(tmp_path)
    answers = [json.loads(line) for line in vm.run(VM % ".", cwd=tmp_path, heap="8M").splitlines()]
    assert [a[1:] for a in answers] == expected
    assert {code for _, _, said in expected for code in said} >= {0, 1, 2, 3, 4, 5}


def test_a_32_bit_board_allocates_nothing(vm32, tmp_path):
    """A single integer past 31 bits, anywhere, would be an allocation."""
    expected = write_cases(tmp_path)
    (tmp_path / "canbean").mkdir()
    for name in ("__init__", "calibrated", "reflectance", "quality"):
        source = firmware.folder() / "canbean" / f"{name}.py"
        (tmp_path / "canbean" / source.name).write_text(source.read_text())
    answers = [json.loads(line) for line in vm32(VM % "/input", folder=tmp_path).splitlines()]
    assert [a[1:] for a in answers] == expected
    assert {a[0] for a in answers} == {0}
