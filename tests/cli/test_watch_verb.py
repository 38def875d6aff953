"""`can watch`: the alerts of a live bus are those of a replay, and what is lost or cannot be opened is said."""

import contextlib
import json
import os
import signal
import struct
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from can.interfaces.virtual import channels

import can
from can_board import CanBoard
from canbean.board.firmware import module
from canbean.board.live import LiveWatch
from canbean.can import logs
from canbean.can.frames import ERR, FD, LENGTHS, RTR, Frames
from canbean.can.receiver import Receiver
from canbean.cli.alarms import line_of
from canbean.detect import model
from canbean.detect.replay import replay
from canbean.errors import BoardError, FileError, ModelError
from canbean.tiny import cbm
from canbean_run import canbean, failed

GOLDEN = Path(__file__).parents[1] / "golden"
MODEL = GOLDEN / "gateway.cbm"


def messages(frames):
    rows = zip(
        frames.t_us.tolist(),
        frames.id.tolist(),
        frames.ext.tolist(),
        frames.flags.tolist(),
        frames.dlc.tolist(),
        frames.data,
        strict=True,
    )
    for t_us, id_, ext, flags, dlc, data in rows:
        yield can.Message(
            timestamp=t_us / 1e6,
            arbitration_id=id_,
            is_extended_id=ext,
            is_remote_frame=bool(flags & RTR),
            is_error_frame=bool(flags & ERR),
            is_fd=bool(flags & FD),
            dlc=dlc,
            data=None if flags & RTR else data[:dlc].tobytes(),
        )


@contextlib.contextmanager
def traffic(channel, frames, finish=None):
    """Sends frames with their own times as soon as somebody listens on the virtual channel."""

    def send():
        with can.Bus(channel, interface="virtual", preserve_timestamps=True) as bus:
            while len(channels.get(channel, ())) < 2:
                time.sleep(0.005)
            for message in messages(frames):
                bus.send(message)
            if finish is not None:
                finish()

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield
    thread.join()


def test_its_alerts_are_those_of_a_replay_byte_for_byte(tmp_path):
    log = GOLDEN / "attacked.csv.gz"
    frames = logs.read(log).frames
    with traffic("watch_golden", frames):
        options = ("-m", MODEL, "--alerts", tmp_path / "live.jsonl", "--frames", len(frames), "--json")
        done = canbean("can", "watch", "virtual:watch_golden", *options)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["frames"], told["alerts"], told["lost"], told["data"]) == (len(frames), 18, 0, "simulated")
    assert len(told["incidents"]) == 1
    replayed = canbean("can", "replay", log, "-m", MODEL, "--alerts", tmp_path / "host.jsonl")
    assert replayed.code == 0
    live = (tmp_path / "live.jsonl").read_bytes()
    assert live == (tmp_path / "host.jsonl").read_bytes()
    assert live == (GOLDEN / "alerts.jsonl").read_bytes()


def test_frames_of_every_sort_at_the_time_of_today():
    """Remote, error and FD frames, times that go back: as the replay sees them."""
    rng = np.random.default_rng(4)
    clean = logs.read(GOLDEN / "attacked.csv.gz").frames[:4000]
    n = len(clean)
    flags = rng.choice([0, 0, 0, 0, 0, 0, FD, RTR, ERR], n).astype(np.uint8)
    long = (flags == FD) & (rng.random(n) < 0.5)
    t_us = 1_764_000_000_000_000 + clean.t_us
    back = rng.random(n) < 0.002
    t_us[back] -= rng.integers(0, 3_000_000, int(back.sum()))
    data = np.zeros((n, 64), np.uint8)
    data[:, :8] = clean.data
    frames = Frames(
        t_us=t_us,
        id=clean.id,
        ext=clean.ext,
        flags=flags,
        dlc=np.where(flags & ERR, 0, np.where(long, rng.choice(LENGTHS[9:], n), clean.dlc)).astype(np.uint8),
        data=data,
        bus=clean.bus,
        label=clean.label,
    )
    expected = replay(model.unpack(cbm.read(MODEL), "gateway.cbm"), frames)
    lines = []
    watch = LiveWatch(MODEL, lambda kind, line: lines.append(line))
    for message in messages(frames):
        watch.take(message)
    assert lines == [line_of(alert) for alert in expected.alerts]
    assert len(lines) > 20
    assert (watch.frames, watch.alerts, watch.unscored) == (n, len(lines), expected.unscored)
    assert watch.digest == cbm.digest(MODEL.read_bytes())[:16]


def test_what_the_filters_of_a_watch_plan_keep_away_is_not_watched(tmp_path, monkeypatch):
    watch = module("watch")
    monkeypatch.setattr(watch, "SECTIONS", watch.SECTIONS + " PLAN")
    packed = cbm.read(MODEL)
    frames = logs.read(GOLDEN / "attacked.csv.gz").frames
    wanted = np.unique(frames.key)[:3].tolist()
    # three standard ids, of which two share a filter under the first mask; no extended frame passes
    plan = struct.pack("<9I", 0x7FF, 0x7FF, wanted[0], wanted[1], *[wanted[2]] * 4, 1000)
    (tmp_path / "plan.cbm").write_bytes(cbm.pack(replace(packed, sections={**packed.sections, "PLAN": plan})))
    chosen = frames[np.isin(frames.key, wanted)]
    expected = replay(model.unpack(packed, "gateway.cbm"), chosen)
    lines = []
    live = LiveWatch(tmp_path / "plan.cbm", lambda kind, line: lines.append(line))
    for message in messages(frames):
        live.take(message)
    live.take(can.Message(arbitration_id=wanted[0], is_extended_id=True))
    assert lines == [line_of(alert) for alert in expected.alerts]
    assert (live.frames, live.unseen) == (len(frames) + 1, len(frames) - len(chosen) + 1)


def test_it_tells_alerts_and_incidents_as_they_come(tmp_path):
    frames = logs.read(GOLDEN / "attacked.csv.gz").frames
    again = Frames(**{**vars(frames), "t_us": frames.t_us + 60_000_000})
    both = Frames(
        **{
            name: np.concatenate([getattr(one, name) for one in (frames, again)])
            for name in ("t_us", "id", "ext", "flags", "dlc", "data", "bus", "label")
        }
    )
    with traffic("watch_told", both):
        done = canbean(
            "can", "watch", "watch_told", "--interface", "virtual", "-m", MODEL, "--frames", len(both)
        )
    assert done.code == 0, done.err
    assert "watching virtual:watch_told" in done.err
    assert "unknown-id" in done.out
    assert "incident 1 is over: 18 alerts in" in done.out
    assert "2 incidents" in done.out
    assert f"frames {len(both)}" in done.out


@pytest.fixture
def interruptible():
    """What a shell without job control starts in its background ignores ctrl-C: the test would never end."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_with_a_summary_and_the_file(tmp_path):
    frames = logs.read(GOLDEN / "attacked.csv.gz").frames
    stop = lambda: (time.sleep(0.5), os.kill(os.getpid(), signal.SIGINT))  # noqa: E731
    with traffic("watch_stop", frames, stop):
        done = canbean("can", "watch", "virtual:watch_stop", "-m", MODEL, "--alerts", tmp_path / "a.jsonl")
    assert done.code == 0, done.err
    assert "alerts " in done.out
    assert (tmp_path / "a.jsonl").exists()


def test_for_some_seconds_without_a_frame():
    done = canbean("can", "watch", "virtual:watch_none", "-m", MODEL, "--seconds", 0.1, "--json")
    told = json.loads(done.out)
    assert (told["frames"], told["alerts"], told["incidents"]) == (0, 0, [])


def test_what_cannot_be_watched(tmp_path):
    failed(canbean("can", "watch", "slcan:/dev/none", "-m", MODEL), "/dev/none")
    failed(canbean("can", "watch", "socketcan:can99", "-m", MODEL), "can99")
    failed(canbean("can", "watch", "can99", "-m", MODEL), "can99")
    failed(canbean("can", "watch", "nothing:can0", "-m", MODEL), "nothing")
    failed(canbean("can", "watch", "virtual:x", "-m", tmp_path / "none.cbm"), "none.cbm")
    failed(canbean("can", "watch", "virtual:x", "-m", MODEL, "--alerts", MODEL), "gateway.cbm")
    failed(canbean("can", "watch", "virtual:x", "-m", MODEL, "--alerts", tmp_path / "no" / "a"), "no folder")
    (tmp_path / "bad.cbm").write_bytes(MODEL.read_bytes()[:-1] + b"\0")
    failed(canbean("can", "watch", "virtual:x", "-m", tmp_path / "bad.cbm"), "bad.cbm")


class Dying:
    """A bus that gives a few frames, some noise, and is then gone."""

    def __init__(self, *frames):
        self.steps = [*frames, ValueError("invalid literal for int()"), can.CanOperationError("unplugged")]

    def recv(self, _):
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def test_a_bus_that_goes_away_gives_what_came_before():
    frames = [can.Message(arbitration_id=n) for n in range(3)]
    got = []
    with Receiver(Dying(*frames)) as receiver, pytest.raises(BoardError, match="unplugged"):
        while True:
            got += receiver.messages()
    assert got == frames
    assert receiver.damaged == 1


def test_a_bus_that_goes_away_leaves_the_file_of_alerts(tmp_path, monkeypatch):
    frames = logs.read(GOLDEN / "attacked.csv.gz").frames

    @contextlib.contextmanager
    def opened(address, **options):
        yield Dying(*messages(frames))

    monkeypatch.setattr("canbean.can.player.opened", opened)
    done = canbean("can", "watch", "virtual:x", "-m", MODEL, "--alerts", tmp_path / "a.jsonl", "--json")
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("canbean: the bus is gone: unplugged")
    assert json.loads(done.out)["damaged"] == 1
    assert (tmp_path / "a.jsonl").read_bytes() == (GOLDEN / "alerts.jsonl").read_bytes()


def test_what_there_is_no_room_for_is_counted():
    def endless():
        for n in range(10):
            yield can.Message(arbitration_id=n)
        done.set()
        while True:
            yield None

    class Bus:
        steps = endless()

        def recv(self, _):
            time.sleep(0.001)
            return next(self.steps)

    done = threading.Event()
    with Receiver(Bus(), most=4) as receiver:
        done.wait(10)
        got = receiver.messages()
        assert [message.arbitration_id for message in got] == [0, 1, 2, 3]
        assert receiver.lost == 6


def test_a_model_that_the_firmware_refuses(tmp_path):
    (tmp_path / "bad.cbm").write_bytes(b"CBM1")
    with pytest.raises(ModelError, match=r"bad\.cbm"):
        LiveWatch(tmp_path / "bad.cbm", print)


def test_what_is_no_file_is_said(tmp_path):
    with pytest.raises(FileError, match="is a folder, not a model"):
        LiveWatch(tmp_path, print)
    with pytest.raises(FileError, match=r"none\.cbm: cannot read this model: No such file"):
        LiveWatch(tmp_path / "none.cbm", print)


@pytest.mark.parametrize("text", ["3f" * 32, "of the car"])
def test_a_file_named_key_beside_a_model_is_no_boards_key(tmp_path, text):
    (tmp_path / "key").write_text(text)
    (tmp_path / "m.cbm").write_bytes(MODEL.read_bytes())
    assert LiveWatch(tmp_path / "m.cbm", print).digest == LiveWatch(MODEL, print).digest


def test_a_board_in_slcan_mode_is_a_bus(vm):
    with CanBoard(MODEL, heap="2M") as board:

        def drive():
            bus = board.folder / "bus"
            while not bus.exists():
                time.sleep(0.01)
            # python-can waits two seconds after it opened the port
            end = time.monotonic() + 120
            while not watched.is_set() and time.monotonic() < end:
                board.frames((0x7E5, b"\x01"))
                time.sleep(0.02)

        watched = threading.Event()
        thread = threading.Thread(target=drive)
        thread.start()
        try:
            options = ("-m", MODEL, "--frames", 30, "--json")
            done = canbean("can", "watch", f"slcan:{board.port}@500000", *options)
        finally:
            watched.set()
            thread.join()
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["frames"] == 30
    assert told["data"] == "recorded"
    # the board's own alerts are told apart, and this computer's are of the same id
    assert told["board_alerts"] >= 1
    assert {one["ids"][0] for one in told["incidents"]} == {"7E5"}
    assert (told["not_shown"], told["lost_by_board"], told["board_alerts_missed"]) == (0, 0, 0)


def test_the_dbc_of_a_board_s_alerts(tmp_path):
    import cantools

    done = canbean("board", "dbc", "-o", tmp_path / "a.dbc", "--id", "18FF0000")
    assert done.code == 0, done.err
    database = cantools.database.load_file(tmp_path / "a.dbc")
    assert database.get_message_by_name("CanbeanAlert").frame_id == 0x18FF0000
    failed(canbean("board", "dbc", "-o", tmp_path / "a.dbc", "--id", "18FF0001"), "18FF0001")
    failed(canbean("board", "dbc", "-o", tmp_path / "a.dbc", "--id", "x"), "x")
