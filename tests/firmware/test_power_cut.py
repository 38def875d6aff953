"""The power is cut at a block write of an update: the board then has the old or the new one, whole."""

import pytest

from canbean.tiny import cbm
from model_cases import small
from power_cut import cuts, name_of, sent
from tune_cases import car

OLD, NEW, NEWEST = (
    cbm.Model({**small("FPRN").sections, "note": word * 9}) for word in (b"old", b"new", b"three")
)
LARGE = car()
FEW = b"threshold 8\nallow 2C5\n"
MANY = b"threshold -8\nallow 2C5\ndeny 700/700\nbitrate 250000\n"


def packed(*models):
    return [sent("model", cbm.pack(model)) for model in models]


@pytest.mark.parametrize(
    ("steps", "old", "new"),
    [
        (packed(NEW), OLD, NEW),
        ([sent("settings", FEW), *packed(NEW, NEWEST)], NEW, NEWEST),
        (packed(LARGE), OLD, LARGE),
    ],
    ids=["first", "later", "large"],
)
def test_a_model_update(vm, tmp_path, steps, old, new):
    before, found = cuts(vm, tmp_path, {"model.cbm": cbm.pack(OLD)}, steps)
    _, model, lines, _ = before
    assert model == name_of(old)
    said = [one[3] for one in found]
    assert set(said) == {name_of(old), name_of(new)}
    for torn, n, done, runs, refused, kept, _ in found:
        assert refused is None, (torn, n)
        assert kept == lines, (torn, n)
        assert not done or runs == name_of(new)
    # the first writes leave the old one, the last the new one
    assert said[0] == name_of(old)
    assert len(found) > 30


@pytest.mark.parametrize("steps", [[MANY], [FEW, MANY], [FEW, FEW, MANY]], ids=["first", "second", "third"])
def test_a_settings_update(vm, tmp_path, steps):
    image = {"model.cbm": cbm.pack(OLD)}
    before, found = cuts(vm, tmp_path, image, [sent("settings", one) for one in steps])
    old = FEW.decode().splitlines() if len(steps) > 1 else []
    new = MANY.decode().splitlines()
    assert before[2] == old
    base = before[3] - (8 if old else 0)
    for torn, n, done, runs, refused, kept, threshold in found:
        assert (runs, refused) == (name_of(OLD), None), (torn, n)
        assert kept == (new if done else kept), (torn, n)
        assert kept in (old, new), (torn, n)
        assert threshold == base + (-8 if kept == new else 8 if kept else 0), (torn, n)
    assert len(found) > 10
    assert {tuple(one[5]) for one in found} == {tuple(old), tuple(new)}
