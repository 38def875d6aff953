"""What was fitted here is loaded by the firmware, which gives the same integers."""

import json

import pytest

from canbean.roast import fit as fitting
from canbean.roast import held_out, meter, regressors, simulate
from canbean.tiny import cbm


@pytest.mark.parametrize("name", [*regressors.names(), "ridge,spline,blend"])
def test_the_vm_reads_fresh_cups_as_the_host_does(vm, tmp_path, monkeypatch, name):
    # its folds are not asked here
    monkeypatch.setattr(held_out, "ALL_LOTS", 2)
    monkeypatch.setattr(held_out, "OUTER", 2)
    monkeypatch.setattr(held_out, "INNER", 2)
    fitted = fitting.fit(simulate.pairs(10, 2, seed=6), models=name.split(","))
    if "blend" in name:
        assert "blend" in fitted.models
    cbm.write(tmp_path / "model.cbm", fitted.model)
    cups = simulate.cups(150, seed=9)
    (tmp_path / "cups.json").write_text(json.dumps(cups.raw.tolist()))
    said = vm.run(
        "import json\n"
        "from apps.roastmeter import load\n"
        "digest, regressor = load('model.cbm')\n"
        "rows = json.load(open('cups.json'))\n"
        "print(json.dumps([digest, [regressor.predict(row) for row in rows]]))\n",
        cwd=tmp_path,
    )
    digest, scores = json.loads(said)
    assert cbm.digest(cbm.pack(fitted.model)).startswith(digest)
    opened = meter.load(cbm.read(tmp_path / "model.cbm"))
    assert [score / 256 for score in scores] == opened.read(cups.channels).tolist()
    assert len(set(scores)) > 5
