"""`board bench` on the virtual board: every part is measured, and the watch is as it was."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from canbean.board import Board, VirtualBoard
from canbean.board import bench as benching
from canbean.board.bench import bench
from canbean.can import attacks, simulate
from canbean.cli.alarms import line_of, run_on_board
from canbean.detect import model
from canbean.detect.detectors import sequence
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.errors import BoardError
from canbean.tiny import cbm
from canbean_run import canbean, failed
from regressor_cases import shallow_regressor

pytestmark = pytest.mark.usefixtures("vm")


@pytest.fixture(scope="module")
def car(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "car.cbm"
    learned = learn([simulate.drive(60, 1)])
    gateway = replace(learned.gateway, detectors={"sequence": sequence.learn(learned.clean)})
    cbm.write(path, model.pack(replace(learned, gateway=gateway), {"name": "car", "data": "simulated"}))
    return path, gateway


def test_every_part_is_measured_and_nothing_is_allocated(car):
    readme = (Path(benching.__file__).parent / "README.md").read_text()
    listed = re.search(r"^\| `bench` \| `([^`]*)` \|$", readme, re.MULTILINE)[1].split()
    with VirtualBoard(car[0], heap="2M") as virtual, Board(virtual.port) as board:
        lines = []
        read = board.read

        def kept():
            for record in read():
                lines.append(record.values)
                yield record

        board.read = kept
        said = bench(board, 200)
        assert [line["part"] for line in lines] == ["idle", "fingerprint", "checks", "sequence", "all", "end"]
        assert all(list(line)[3:-1] == listed for line in lines)
        status = board.ask("status", "status").values
        assert (status["alerts"], status["errors"]) == (0, 0)
    assert said.frames == 208
    assert list(said.parts) == ["fingerprint", "checks", "sequence"]
    assert said.allocated == 0
    assert said.receive_us is None
    assert said.frames_per_second == pytest.approx(1e6 / said.all_us)
    assert said.heap_after >= said.heap_before - 2000 > 0


def test_it_watches_on_as_before(car):
    path, gateway = car
    bad, _ = attacks.inject_all(
        simulate.drive(30, 9), ("flood", "spoof"), seed=1, duration_s=2.0, pause_s=3.0
    )
    with VirtualBoard(path, heap="2M") as virtual:
        with Board(virtual.port) as board:
            bench(board, 100)
        assert run_on_board(virtual.port, bad, None, None)[0] == [
            line_of(one) for one in replay(gateway, bad).alerts
        ]


def test_the_verb_writes_what_a_plan_takes(car, tmp_path):
    with VirtualBoard(car[0], heap="2M") as virtual:
        out = tmp_path / "b.json"
        done = canbean("board", "bench", "--port", virtual.port, "--frames", "100", "-o", out, "--json")
        assert done.code == 0, done.err
        said = json.loads(done.out)
        assert json.loads(out.read_text()) == said
        assert (said["data"], said["board"]) == ("simulated", "linux")
        shown = canbean("board", "bench", "--port", virtual.port, "--frames", "100")
        assert "frames a second; 0 bytes of heap a frame" in shown.out
        assert "figures of this machine" in shown.err
        assert "comes on top" in shown.err
        with Board(virtual.port) as board:
            for words in ("bench", "bench 0", "bench 100001", "bench x"):
                board.command(words)
            with pytest.raises(BoardError, match="bench 1 to 100000 frames"):
                board.ask("bench -1", "bench")
    planned = canbean(
        "can", "plan", "-m", car[0], "-o", tmp_path / "p.cbm", "--max-fps", out, "--board", "linux", "--json"
    )
    assert json.loads(planned.out)["max_fps"] == int(said["frames_per_second"])


def test_a_board_without_a_gateway_has_no_bench(tmp_path):
    regressor, readings = shallow_regressor(np.random.default_rng(1), "POLY")
    meta = cbm.encode_meta({"app": "roastmeter"})
    sections = {"META": meta, **regressor.sections(), "GOLD": regressor.golden(readings[:8])}
    cbm.write(tmp_path / "r.cbm", cbm.Model(sections))
    with VirtualBoard(tmp_path / "r.cbm", "roastmeter", heap="2M") as virtual:
        failed(canbean("board", "bench", "--port", virtual.port), "no gateway with a model")
