"""The board shows a score as the host does: text, half width and degree, at knots, limits and the edges of a scale."""

import json

import numpy as np
import pytest

from canbean.board import firmware
from canbean.roast.scale import SCALES, Scale, Shown

ROUNDINGS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 25)


def random_scales(rng, count):
    """Sections of any rounding, with any number of knots and degrees."""
    for _ in range(count):
        low = int(rng.integers(-1000, 900))
        high = int(rng.integers(low + 1, 1001))
        limits = sorted({int(v) for v in rng.integers(-200, 300, rng.integers(0, 8))}, reverse=True)
        degrees = tuple((f"Degree {limit}", float(limit)) for limit in limits)
        scores = np.unique(rng.integers(low * 256, high * 256, rng.integers(0, 6)))
        knots = np.column_stack([scores, rng.integers(0, 8 * 256, len(scores))])
        rounding = float(rng.choice(ROUNDINGS))
        yield Shown(Scale("random", low, high, rounding, degrees), knots, calibrated=bool(rng.integers(2)))


def cases(seed, count):
    """Sections with scores where something changes, and anywhere."""
    rng = np.random.default_rng(seed)
    for shown in [*(Shown(one) for one in SCALES.values()), *random_scales(rng, count)]:
        limits = [limit * 256 // 10**shown.scale.decimals for limit in shown.scale.limits]
        edges = [int(at) + k for at in [*shown.knots[:, 0], *limits, 0] for k in (-128, -13, -1, 0, 1, 13)]
        yield shown, edges + rng.integers(-256_000, 256_000, 30).tolist()


def told(shown, score):
    """What the host says."""
    half = shown.half(score)
    return [shown.scale.words(score), None if half is None else int(half), shown.scale.degree(score)]


def test_cpython_shows_what_the_host_shows():
    for shown, scores in cases(1, 150):
        scale = firmware.module("scale").Scale(shown.to_bytes())
        assert bool(scale.calibrated) is shown.calibrated
        for score in scores:
            assert [scale.words(score), scale.half(score), scale.degree(score)] == told(shown, score)


ON_VM = """
import json
from canbean.scale import Scale
said = []
for section, scores in json.load(open("cases.json")):
    scale = Scale(bytes(section))
    said.append([[scale.words(s), scale.half(s), scale.degree(s)] for s in scores])
print(json.dumps(said))
"""


def test_the_vm_shows_what_the_host_shows(vm, tmp_path):
    made = list(cases(2, 60))
    (tmp_path / "cases.json").write_text(json.dumps([[list(s.to_bytes()), scores] for s, scores in made]))
    said = json.loads(vm.run(ON_VM, cwd=tmp_path, heap="16M"))
    assert said == [[told(shown, score) for score in scores] for shown, scores in made]


def test_without_a_section_a_score_has_one_decimal_and_nothing_else():
    scale = firmware.module("scale").Scale(b"")
    said = [(scale.words(s), scale.half(s), scale.degree(s)) for s in (0, 12, 13, -128, 180 * 256, -13)]
    assert said == [(word, None, None) for word in ("0.0", "0.0", "0.1", "-0.5", "180.0", "-0.1")]
    assert not scale.calibrated


@pytest.mark.parametrize(
    "wrong", [b"\0\1\2\0\1" + bytes(11), b"\0\1\0\0\0" + bytes(11), b"\0\3\0\0\1" + bytes(11)]
)
def test_a_section_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="section scal does not hold what it says"):
        firmware.module("scale").Scale(wrong)
