"""A gateway with every detector there is: the virtual board raises the host's alerts, byte for byte."""

from dataclasses import replace

import pytest

from canbean.board import VirtualBoard
from canbean.board.firmware import module
from canbean.can import attacks, simulate
from canbean.cli.alarms import line_of, run_on_board
from canbean.detect import detectors, model
from canbean.detect.gateway import Gateway
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.tiny import cbm

pytestmark = pytest.mark.usefixtures("vm")
BITS = 48
"""Thresholds of all detectors here: three bits, so that each has something to say."""


@pytest.fixture(scope="module")
def gateway():
    pytest.importorskip("jax")
    learned = learn([simulate.drive(310, 3)], per_hour=100_000)
    found = {}
    for name in detectors.names():
        module = detectors.module(name)
        few = {"steps": 50} if name in ("vae", "lstm") else {}
        one = module.learn(learned.clean, **few)
        assert one is not None, name
        found[name] = one.gated(replace(one.gate, threshold=BITS))
    ordered = dict(sorted(found.items(), key=lambda one: detectors.module(one[0]).TAG))
    return Gateway(learned.fingerprint, learned.gateway.checks, ordered), learned


def test_the_board_knows_each_by_its_tag():
    tags = {detectors.module(name).TAG: (detectors.module(name).BOARD, name) for name in detectors.names()}
    rows = [row.split() for row in module("gates").DETECTORS.split(",")]
    assert tags == {tag: (file, name) for tag, file, name in rows}
    assert module("watch").WINDOWS.split() == sorted(tags)


def test_the_board_raises_the_same_alerts_with_every_detector(gateway, tmp_path):
    known, learned = gateway
    packed = model.pack(
        replace(learned, gateway=known), {"name": "all", "data": "simulated", "made_from": "-"}
    )
    path = tmp_path / "all.cbm"
    path.write_bytes(cbm.pack(packed))
    kinds = ("masquerade-ramp", "replay", "flood")
    drive, _ = attacks.inject_all(simulate.drive(60, 9), kinds, seed=1, duration_s=4.0)
    raised = replay(known, drive).alerts
    assert {alert.detector for alert in raised} == {"fingerprint", *detectors.names()}
    with VirtualBoard(path, "gateway", heap="2M") as board:
        lines, said = run_on_board(board.port, drive, None, None)
    assert said["frames"] == len(drive)
    assert lines == [line_of(alert) for alert in raised]
