"""The autoencoder that knows what belongs together: learned in a few steps from a short simulated drive."""

import sys

import numpy as np
import pytest

from canbean.can import simulate
from canbean.detect import rounding
from canbean.detect.detectors import module, names, vae
from canbean.detect.informative import relations
from canbean.detect.residuals import UNJUDGED
from canbean.detect.windows import BUS, Gate
from canbean.errors import ModelError, UsageError
from masquerade_cases import Liar, alerts_of, clean_of, traffic_of

SECONDS, STEPS = 190.0, 20
pytestmark = pytest.mark.usefixtures("short_logs")


@pytest.fixture(scope="module")
def clean():
    pytest.importorskip("jax")
    return clean_of(simulate.drive(SECONDS, 6), seed=3)


@pytest.fixture(scope="module")
def learned(clean):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounding, "TRIES", 1)
        return vae.learn(clean, steps=STEPS, most=14)


def test_it_is_found_by_name():
    assert "vae" in names()
    assert module("vae") is vae


def test_the_section_holds_it_all(learned):
    section = learned.to_bytes()
    assert len(section) <= 8192
    assert Gate.from_bytes(section) == learned.gate
    assert vae.read(section).to_bytes() == section
    with pytest.raises(ModelError, match="VAEW"):
        vae.read(section + bytes(4))


def test_a_section_of_the_usual_size_fits(clean):
    assert len(vae.learn(clean, steps=0).to_bytes()) <= 8192


@pytest.fixture(scope="module")
def taught(clean):
    return vae.lesson(clean, 14, vae.BACK)


@pytest.fixture(scope="module")
def halves(taught):
    return vae.train(taught, STEPS)


def test_the_same_seed_learns_the_same(taught, halves, learned):
    assert vae.quantized(taught, halves).to_bytes() == learned.model.to_bytes()


def test_it_is_quiet_on_another_drive_and_names_the_liar(clean, learned):
    keys = clean.traffic.keys
    liar = Liar(SECONDS, 9, alone=False)
    assert len(alerts_of(learned, "vae", traffic_of(liar.clean, keys))) <= 8
    frames, _ = liar.attacked("constant", every_s=40.0)
    lies = frames.label > 0
    alerts = alerts_of(learned, "vae", traffic_of(frames, keys))
    named = [alert for alert in alerts if lies[(frames.key == alert.key) & (frames.t_us == alert.t_us)].any()
             or (lies & (frames.key == alert.key) & (np.abs(frames.t_us - alert.t_us) < 200_000)).any()]  # fmt: skip
    assert len(named) > 10
    assert len(named) > 0.8 * len(alerts)
    assert {alert.kind for alert in alerts} == {"relation"}
    assert alerts[0].expected.startswith("bit ")
    assert alerts[0].seen.endswith("usual errors")


def test_judgements_are_in_order_and_blame_known_ids(clean, learned):
    said = learned.judge(clean.traffic)
    assert (np.diff(said.at) > 0).all()
    assert said.bits.min() >= 0
    assert said.bits.max() <= 1024
    watched = np.searchsorted(clean.traffic.keys, learned.signals.keys)
    assert set(said.blamed.tolist()) <= set(watched.tolist())
    assert BUS not in said.blamed
    loud = learned.gated(Gate(1, 1, 1))
    assert loud.gate == Gate(1, 1, 1)
    assert loud.judge(clean.traffic).bits.tolist() == said.bits.tolist()


def test_too_little_or_nothing_that_belongs_together_teaches_nothing(clean):
    frames = clean.traffic.frames
    assert vae.learn(clean_of(frames.between(None, 150)), steps=0) is None
    alone = frames[np.isin(frames.id, [0x1B0, 0x210])]
    assert vae.learn(clean_of(alone), steps=0) is None


def test_without_jax_it_says_what_to_install(clean, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(UsageError, match=r"pip install 'canbean\[neural\]'"):
        vae.learn(clean)


def test_before_training_the_halves_are_the_linear_relations():
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (500, 3))[:, [0, 1, 2, 0, 1, 2]] + 0.05 * rng.normal(0, 1, (500, 6))
    weights = relations(x, np.array([0, 0, 0, 1, 1, 1]))
    halves = vae.linear(x, weights, np.ones(6), rng)
    assert np.allclose(vae.run(halves, x), x @ weights, atol=1e-6)


def test_integers_lose_little(taught, halves, learned):
    """Rounding moves the reconstruction less than it is off by; what that costs in recall is measured by the bench."""
    count = len(taught.signals)
    real = vae.run(halves, taught.x / 4096)[:, :count] * 4096
    integer = vae.quantized(taught, halves).reconstruct(taught.x)[:, :count]
    error = np.abs(taught.x[:, :count] - real)
    judged = learned.residuals.edge != UNJUDGED
    lost = np.sqrt(((real - integer) ** 2).mean(axis=0)) / np.sqrt((error**2).mean(axis=0))
    assert np.median(lost[judged]) < 1
