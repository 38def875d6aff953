"""A log onto a bus: what is sent, what is asked, what is said."""

import io
import json
import re

import numpy as np
import pytest
import typer

import can
from canbean.can import logs, player
from canbean.can.frames import ERR, Frames
from canbean.cli import bus
from canbean.errors import LogError, UsageError
from canbean_run import canbean, failed


@pytest.fixture
def log(tmp_path):
    n = 200
    data = np.arange(n * 8).astype(np.uint8).reshape(n, 8)
    frames = Frames.of(5_000_000 + np.arange(n) * 100, 0x100 + np.arange(n) % 4, data)
    logs.write(tmp_path / "in.csv", frames)
    return tmp_path / "in.csv"


@pytest.fixture
def listener():
    with can.Bus("replay_test", interface="virtual") as listening:
        yield listening


def heard(listener):
    got = []
    while (message := listener.recv(0)) is not None:
        got.append(message)
    return got


def test_a_log_onto_a_virtual_bus(log, listener, capsys):
    bus.replay_onto(log, "virtual:replay_test", speed=None, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["frames"], told["of"], told["stopped"], told["data"]) == (200, 200, False, "recorded")
    frames = logs.read(log).frames
    assert [message.arbitration_id for message in heard(listener)] == frames.id.tolist()


def test_a_part_and_some_ids(log, listener):
    bus.replay_onto(log, "virtual:replay_test", speed=None, from_s=0.01, to_s=0.015, ids=["101", "103"])
    assert [message.arbitration_id for message in heard(listener)] == [0x101, 0x103] * 12 + [0x101]


def test_with_speed_it_says_how_late(log, listener, capsys):
    bus.replay_onto(log, "virtual:replay_test", speed=1.0)
    assert re.search(r"200 frames in .* s; 99 % at most [\d.]+ ms late", capsys.readouterr().out)


def test_names_of_buses_are_shown_as_they_are(log):
    done = canbean("can", "replay", log, "--bus", "virtual:x", "--to", "0.001")
    assert "on virtual:x: 10 frames" in done.out


def test_stopped_it_says_where(log, listener, capsys, monkeypatch):
    def send(_bus, _message, _timeout=None, sent=[0]):  # noqa: B006 - counts
        sent[0] += 1
        if sent[0] == 321:
            raise KeyboardInterrupt

    monkeypatch.setattr(can.interfaces.virtual.VirtualBus, "send", send)
    with pytest.raises(typer.Exit) as end:
        bus.replay_onto(log, "virtual:replay_test", speed=None, loop=True)
    assert end.value.exit_code == 130
    said = capsys.readouterr()
    assert "321 frames" in said.out
    assert "before frame 122 of 200, log time 5.012100 s (0.012100 s after the first), round 2" in said.err


def test_a_real_bus_is_asked_for(log, monkeypatch):
    opened = []
    monkeypatch.setattr(player, "opened", lambda *_a, **_k: opened.append(1))
    with pytest.raises(UsageError, match=r"socketcan:can0.*--yes"):
        bus.replay_onto(log, "socketcan:can0")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(UsageError, match="nothing was sent"):
        bus.replay_onto(log, "slcan:/dev/ttyUSB0@500000")
    assert opened == []


@pytest.mark.parametrize("agreed", ["yes", "flag"])
def test_agreed_it_transmits(log, monkeypatch, agreed):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    sent = []

    class Bus:
        def send(self, message, timeout=None):
            sent.append(message)

        def shutdown(self):
            sent.append("closed")

    monkeypatch.setattr(can, "Bus", lambda **_options: Bus())
    monkeypatch.setattr("sys.stdin", Terminal("y\n" if agreed == "yes" else ""))
    bus.replay_onto(log, "socketcan:can0", speed=None, yes=agreed == "flag")
    assert len(sent) == 201
    assert sent[-1] == "closed"


def test_of_several_buses_one_is_chosen(tmp_path, listener):
    frames = Frames.of(
        np.arange(10) * 10, 1, np.zeros((10, 8), np.uint8), bus=np.arange(10) % 2, buses=("a", "b")
    )
    logs.write(tmp_path / "two.csv", frames)
    with pytest.raises(LogError, match=r"two\.csv.*a, b.*--log-bus"):
        bus.replay_onto(tmp_path / "two.csv", "virtual:replay_test", speed=None)
    bus.replay_onto(tmp_path / "two.csv", "virtual:replay_test", speed=None, log_bus="b")
    assert len(heard(listener)) == 5


def test_what_is_not_sent_as_it_stands_is_told(tmp_path, listener, capsys):
    frames = Frames.of([0, 30, 20, 40], 1, np.zeros((4, 8), np.uint8), flags=[0, 0, 0, ERR])
    logs.write(tmp_path / "odd.csv", frames)
    bus.replay_onto(tmp_path / "odd.csv", "virtual:replay_test", speed=None)
    said = capsys.readouterr().err
    assert "1 error frames are not sent" in said
    assert "time goes backward" in said
    assert len(heard(listener)) == 3


@pytest.mark.parametrize(
    ("options", "names"), [({"ids": ["7FF"]}, "7FF"), ({"log_bus": "x"}, "'x'"), ({"from_s": 99}, "in.csv")]
)
def test_what_is_not_there(log, options, names):
    with pytest.raises(LogError, match=names):
        bus.replay_onto(log, "virtual:replay_test", **options)


def replayed(log, *options, to="virtual:replay_test"):
    return canbean("can", "replay", log, "--bus", to, *options)


@pytest.mark.parametrize("speed", [(), ("--speed", "1"), ("--speed", "0.5"), ("--speed", "max")])
def test_the_verb_sends_a_part_of_some_ids_in_order(log, listener, speed):
    part = ("--from", "0.01", "--to", "0.015", "--id", "101", "--id", "0x103")
    done = replayed(log, *part, *speed, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["bus"], told["frames"], told["of"]) == ("virtual:replay_test", 25, 25)
    assert (told["late_ms_p99"] is None) == ("max" in speed)
    # The last of the frames is due 4.8 ms after the first, times the speed.
    least = {(): 0.0048, ("--speed", "1"): 0.0048, ("--speed", "0.5"): 0.0096}.get(speed, 0)
    assert told["seconds"] >= least
    got = heard(listener)
    frames = logs.read(log).frames
    sent = frames[(frames.t_us >= 5_010_000) & (frames.t_us < 5_015_000) & (frames.id % 2 == 1)]
    assert [message.arbitration_id for message in got] == sent.id.tolist()
    assert [bytes(message.data) for message in got] == [data.tobytes() for data in sent.data]


def test_the_verb_loops_until_ctrl_c_and_says_where(log, listener, monkeypatch):
    count, send = iter(range(1000)), can.interfaces.virtual.VirtualBus.send

    def interrupted(bus, message, timeout=None):
        send(bus, message, timeout)
        if next(count) == 320:
            raise KeyboardInterrupt

    monkeypatch.setattr(can.interfaces.virtual.VirtualBus, "send", interrupted)
    done = replayed(log, "--loop", "--speed", "max", "--json")
    assert done.code == 130
    told = json.loads(done.out)
    assert (told["frames"], told["rounds"], told["stopped"], told["frame"]) == (321, 1, True, 122)
    assert told["log_s"] == 5.0121
    assert "stopped before frame 122 of 200, log time 5.012100 s" in done.err
    assert "Traceback" not in done.err
    assert len(heard(listener)) == 321


def test_the_verb_asks_before_it_transmits_onto_a_real_bus(log, monkeypatch):
    opened = []

    class Bus:
        def send(self, message, timeout=None):
            opened.append(message)

        def shutdown(self):
            pass

    monkeypatch.setattr(can, "Bus", lambda **_options: Bus())
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    failed(replayed(log, "--speed", "max", to="socketcan:can0"), "--yes agrees")
    assert opened == []
    done = replayed(log, "--speed", "max", "--yes", to="slcan:/dev/ttyUSB0@500000")
    assert (done.code, len(opened)) == (0, 200)


def test_the_verb_names_the_package_that_an_interface_needs(log, monkeypatch):
    monkeypatch.setattr("can.interfaces.udp_multicast.utils.msgpack", None)
    failed(replayed(log, to="udp_multicast:239.74.163.2"), "it needs the Python package msgpack")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--speed", "0"), "--speed '0'"),
        (("--speed", "fast"), "--speed 'fast'"),
        (("--from", "99"), "in.csv"),
        (("--id", "7FF"), "7FF"),
        (("--id", "xyz"), "'xyz'"),
    ],
)
def test_the_verb_refuses_in_one_line(log, options, says):
    failed(replayed(log, *options), says)


def test_the_verb_needs_a_model_or_a_bus_and_mixes_no_options(log):
    failed(canbean("can", "replay", log), "--bus virtual:test")
    failed(canbean("can", "replay", log, "-m", "m.cbm", "--loop"), "--loop")
    failed(replayed(log, to="tin:can0"), "'tin'")
