"""A board settles: its clock's view of a clean bus, and the model that is made of it, on the virtual board."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from canbean.board import Board, VirtualBoard, feed
from canbean.board import settle as settling
from canbean.board.settle import Listened, Times, listen
from canbean.can import logs, simulate
from canbean.can.frames import Frames
from canbean.cli.alarms import run_on_board
from canbean.detect import model
from canbean.detect.fingerprint import RECORD, crowds, elapsed_us, epochs, gaps, rows_of
from canbean.detect.learn import learn
from canbean.detect.replay import last_crowded, replay
from canbean.errors import BoardError
from canbean.tiny import cbm
from canbean_run import canbean, failed

pytestmark = pytest.mark.usefixtures("vm")
IDS = 0x200
"""Ids from here on are the bus: a calm one, as what passes filters is."""


def drive(seconds, seed):
    log = simulate.drive(seconds, seed)
    return log[log.key >= IDS]


def late(log, longest_us, share=0.01, seed=1):
    """As a board stamps frames that it comes to look at late, now and then: in their order."""
    rng = np.random.default_rng(seed)
    wait = np.where(rng.random(len(log)) < share, rng.integers(0, longest_us + 1, len(log)), 0)
    return log.changed(t_us=np.maximum.accumulate(log.t_us + wait))


@pytest.fixture(scope="module")
def car(tmp_path_factory):
    path = tmp_path_factory.mktemp("settle") / "car.cbm"
    learned = learn([drive(60, 1)])
    learned = replace(learned, gateway=replace(learned.gateway, checks=None))
    cbm.write(path, model.pack(learned, {"name": "car", "data": "simulated"}))
    return path


def plain(fingerprint, log):
    """What must be measured, by the host's own tables."""
    t_us, row = log.t_us, rows_of(fingerprint.keys, log.key)
    gap, span = gaps(t_us, row, epochs(t_us, fingerprint.sleep_us))
    calm, crowd = ~crowds(t_us, fingerprint.crowd_us), last_crowded(t_us, fingerprint.crowd_us)
    since = elapsed_us(t_us, t_us[np.maximum(crowd, 0)])
    waited = np.where(crowd >= 0, np.minimum(gap, since), gap)
    found = {}
    for at, key in enumerate(fingerprint.keys.tolist()):
        own = (row == at) & (gap >= 0)
        shortest, both, longest = gap[own & calm], span[own & calm & (span >= 0)], waited[own]
        if len(longest):
            found[key] = Times(
                int(shortest.min()) if len(shortest) else None,
                int(both.min()) if len(both) else None,
                int(longest.max()),
            )
    return found


def heard(car, log, seconds):
    with VirtualBoard(car, heap="2M") as virtual, Board(virtual.port) as board:
        said = listen(board, seconds, log)
        # It watches on, and no longer settles.
        with pytest.raises(BoardError, match="not settling"):
            board.ask("settle 0", "settle")
        return said


def test_the_board_measures_what_its_clock_says(car):
    fingerprint = model.unpack(cbm.read(car), "car").fingerprint
    # A crowd, which is left out, and a sleep.
    log = late(drive(30, 5), 20_000)
    burst = log[:64].changed(t_us=12_000_000 + 10 * np.arange(64))
    after = log.changed(t_us=log.t_us + 60_000_000)
    log = Frames.concat([log, burst, after]).in_time_order()
    said = heard(car, log, 80)
    end = int(np.searchsorted(log.t_us // 1_000_000, log.t_us[0] // 1_000_000 + 80)) + 1
    assert said.times == plain(fingerprint, log[:end])
    assert said.frames == end
    assert (said.seconds, said.unknown, said.stranger, said.lost) == (80, 0, None, 0)


def test_a_log_that_ends_early_and_an_unknown_id_are_told(car):
    log = drive(30, 6)
    odd = log[100:103].changed(id=np.full(3, 0x7E1))
    said = heard(car, Frames.concat([log, odd]).in_time_order(), 3000)
    assert (said.seconds, said.frames) == (29, len(log) + 3)
    assert (said.unknown, said.stranger) == (3, "7E1")
    assert said.alerts.total() == 1
    with pytest.raises(BoardError, match="no frame came in 5 s"):
        heard(car, log[:0], 5)


def test_the_lines_have_the_keys_that_the_readme_lists(car):
    readme = (Path(settling.__file__).parent / "README.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z]+)` \| `([^`]*)` \|$", readme, re.MULTILINE))
    seen = {}
    with VirtualBoard(car, heap="2M") as virtual, Board(virtual.port) as board:
        first = board.ask("settle 5", "settle")
        with pytest.raises(BoardError, match="settling already"):
            board.ask("settle 5", "settle")
        for words in ("settle", "settle x"):
            with pytest.raises(BoardError, match="'settle'"):
                board.ask(words, "settle")
        feed.feed(board, drive(30, 5)[:4000], lambda record: seen.setdefault(record.values["type"], record))
    for record in (first, seen["settled"], seen["settle"]):
        assert list(record.values)[3:-1] == listed[record.values["type"]].split()
    assert (first.values["done"], seen["settle"].values["done"]) == (False, True)


def test_settled_the_model_is_quiet_on_that_board(car, tmp_path):
    fingerprint = model.unpack(cbm.read(car), "car").fingerprint
    # Edges as a log would have them whose clock knew no jitter at all.
    sharp = fingerprint.record.copy()
    timed = fingerprint.timeout_us < fingerprint.timeout_us.max()
    sharp[timed, RECORD.index("span_edge")] += 62
    known = replace(learn([drive(60, 1)]), gateway=model.Gateway(replace(fingerprint, record=sharp)))
    cbm.write(tmp_path / "m.cbm", model.pack(known, {"name": "m", "data": "simulated"}))
    jitter = late(drive(40, 7), 4_000, share=0.2)
    logs.write(tmp_path / "jitter.csv", jitter)
    gateway = model.unpack(cbm.read(tmp_path / "m.cbm"), "m")
    before = replay(gateway, jitter).alerts
    assert {alert.kind for alert in before} == {"timing"}
    with VirtualBoard(tmp_path / "m.cbm", heap="2M") as virtual:
        words = (
            "--port",
            virtual.port,
            "-m",
            tmp_path / "m.cbm",
            "--minutes",
            "0.5",
            "--replay",
            tmp_path / "jitter.csv",
        )
        done = canbean("board", "settle", *words, "-o", tmp_path / "new.cbm", "--json")
        assert done.code == 0, done.err
        said = json.loads(done.out)
        shown = canbean("board", "settle", *words, "-o", tmp_path / "same.cbm")
        failed(canbean("board", "settle", *words, "-o", tmp_path / "m.cbm" / "x"), "cannot write here")
    new = cbm.read(tmp_path / "new.cbm")
    assert new.meta["tuned"][-1]["what"].startswith(f"board settle: {len(said['widened'])} edges of ")
    assert cbm.read(tmp_path / "same.cbm").sections["FPRN"] == new.sections["FPRN"]
    assert "shortest two gaps" in shown.out
    assert "alerts about timing were raised meanwhile" in shown.err
    for one in said["widened"]:
        ratio = one["after_us"] / one["before_us"]
        assert 0.8 < ratio < 1 if one["what"] != "silence" else 1 < ratio < 1.2
    settled = model.unpack(new, "new")
    assert replay(settled, jitter).alerts == []
    with VirtualBoard(tmp_path / "new.cbm", heap="2M") as virtual:
        assert run_on_board(virtual.port, jitter, None, None)[0] == []


def test_another_bus_is_refused_in_one_line(car, tmp_path):
    logs.write(tmp_path / "whole.csv", simulate.drive(30, 2))
    with VirtualBoard(car, heap="2M") as virtual:
        words = ("--port", virtual.port, "-m", car, "--minutes", "0.5", "-o", tmp_path / "new.cbm")
        failed(
            canbean("board", "settle", *words, "--replay", tmp_path / "whole.csv"),
            "another bus, or an attack",
        )
    assert not (tmp_path / "new.cbm").exists()


def test_a_silent_bus_ends_in_a_reason():
    class Silent:
        port = "p"
        lines = type("Lines", (), {"lost": 0})

        def __init__(self):
            self.hello = {"app": "gateway", "golden": "ok"}
            self.now = 0.0
            self.said = ()

        def ask(self, words, kind):
            self.said += (words,)

        def command(self, words):
            self.said += (words,)

        def read(self):
            self.now += 1.0
            return iter(())

    board = Silent()
    with pytest.raises(BoardError, match="stopped answering"):
        listen(board, 30, clock=lambda: board.now)
    assert board.said == ("settle 30", "settle 0")
    assert not Listened().done
