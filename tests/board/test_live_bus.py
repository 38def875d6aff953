"""The whole gateway on a bus, on the VM: a chip that does not answer, goes and comes; replays over the line; settings; the watchdog.

The board is the D1 mini's file on stand-ins of its modules and a chip at the level of its registers; none of it has run on hardware.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from canbean.board import firmware, packets
from canbean.can import simulate
from canbean.can.filters import Filters
from canbean.detect.model import pack
from canbean.detect.plan import Plan, narrowed
from canbean.tiny import cbm
from model_cases import KEY
from tune_cases import car, learned

TESTS = Path(__file__).parents[1]
HARNESS = (TESTS / "live_bus_vm.py").read_text()
LISTEN, NORMAL = 3, 0
CNF1 = "chip.r[0x2A]"
STATUS = "ask(b'status', 'status')[-1]"
UNKNOWN = "chip.receive(0x7FE, 1, b'x')\n"


@pytest.fixture(scope="module")
def model():
    return cbm.pack(car(), KEY)


@pytest.fixture
def play(vm, tmp_path, model):
    """`play(code) -> what it printed`, with the gateway not yet started."""
    (tmp_path / "model.cbm").write_bytes(model)

    def run(code):
        said = vm.run(HARNESS + code, path=(firmware.folder(), TESTS), cwd=tmp_path, timeout=120)
        return json.loads(said.splitlines()[-1])

    run.folder = tmp_path
    return run


def test_a_chip_that_is_silent_at_boot(play):
    hello, errors, status, later, seen, alerts = play(f"""
silent(255)
start()
run(5500)
lines = said()
hello = [line for line in lines if line["type"] == "hello"]
errors = [line["reason"] for line in lines if line["type"] == "error"]
status = {STATUS}
silent(None)
run(1200)
said()
later = {STATUS}
{UNKNOWN}
run(20)
alerts = [line["kind"] for line in said("alert")]
seen = {STATUS}
print(json.dumps([hello, errors, status, later, seen, alerts]))
""")
    assert [(line["golden"], bool(line["model"])) for line in hello] == [("ok", True)]
    # tried every second, said once
    assert errors == ["no MCP2515 answers: check its power, SPI wires and CS (read ff ff)"]
    assert status["bus"] == errors[0]
    assert (status["frames"], status["errors"]) == (0, 1)
    assert later["bus"] == "ok"
    assert alerts == ["unknown-id"]
    assert (seen["frames"], seen["alerts"]) == (1, 1)


def test_a_chip_that_goes_and_comes_back(play):
    said = play(f"""
out = []
start()
run(1500)
chip.receive(0x7FE, 1, b"x")
run(20)
said()
for level in (0, 255):
    silent(level)
    run(3000)
    out.append([[line["reason"] for line in said("error")], {STATUS}["bus"]])
    silent(None)
    chip.reset()
    run(1500)
    out.append([[line["reason"] for line in said("error")], {STATUS}["bus"]])
    for i in range(5):
        chip.receive(0x7FE, 1, b"x")
        run(5)
last = {STATUS}
print(json.dumps([out, last, chip.mode]))
""")
    (gone, back, gone_high, back_again), last, mode = said
    for errors, state in (gone, gone_high):
        assert errors[0] == "silent chip"
        assert errors[1].startswith("no MCP2515 answers")
        assert len(errors) == 2
        assert state == errors[1]
    assert back == back_again == [[], "ok"]
    assert last["frames"] == 11
    assert mode == LISTEN


def test_a_chip_that_lost_its_settings_is_set_up_again(play):
    """Its power failed for a moment: it answers, but in configuration mode."""
    assert play("""
start()
run(1100)
chip.reset()
run(1200)
print(json.dumps([chip.mode, [line["reason"] for line in said("error")]]))
""") == [LISTEN, ["silent chip"]]


def test_bus_off_is_said_and_left(play):
    said, status, mode = play(f"""
start()
say(b"set listen 0")
run(1500)
said()
chip.count_errors(256, 0)
run(1200)
errors = [line["reason"] for line in said("error")]
print(json.dumps([errors, {STATUS}, chip.mode]))
""")
    assert said == ["bus-off"]
    assert (status["bus"], mode) == ("ok", NORMAL)


@pytest.mark.parametrize("errors", [96, 128])
def test_states_in_which_frames_still_come(play, errors):
    status = play(f"""
start()
run(1100)
chip.count_errors(0, {errors})
run(1100)
{UNKNOWN}
run(20)
print(json.dumps({STATUS}))
""")
    assert status["bus"] == {96: "warning", 128: "passive"}[errors]
    assert (status["frames"], status["errors"]) == (1, 0)


def test_what_is_lost_is_counted(play):
    """The chip has two buffers; the ring holds sixteen, and what finds it full stays in the chip."""
    status, full, taken = play(f"""
start()
run(1100)
for i in range(4):
    chip.receive(0x7FE, 1, b"x")
run(2100)
status = {STATUS}
ring = gateway.ring
while ring.count < ring.n:
    chip.receive(0x7FE, 1, b"x")
    gateway.breathe()
for i in range(3):
    chip.receive(0x7FE, 1, b"x")
    gateway.breathe()
taken = ring.count
run(2100)
print(json.dumps([status, {STATUS}, taken]))
""")
    # looks that found frames lost
    assert (status["dropped"], status["frames"]) == (1, 2)
    assert taken == 16
    assert (full["dropped"], full["frames"]) == (2, 2 + 16 + 2)
    # a driver that takes frames for which there is no room
    assert (
        play(f"""
start()
for _ in range(gateway.ring.n + 3):
    if gateway.ring.slot() >= 0:
        gateway.ring.put()
gateway.ring.count = 0
print(json.dumps({STATUS}["dropped"]))
""")
        == 3
    )


def replayed(n=40):
    """The packets of a replay, start first, and the frames' key."""
    frames = simulate.drive(5, 3)[:n]
    return packets.start(7) + packets.encode(frames).blob


def test_a_replay_over_the_line_while_the_bus_is_alive(play):
    (play.folder / "feed.bin").write_bytes(replayed())
    during, after, kinds, frames, counted = play(f"""
start()
run(1100)
for i in range(5):
    {UNKNOWN.strip()}
    run(5)
before = {STATUS}
assert (before["frames"], before["unwatched"]) == (5, 0)
data = open("feed.bin", "rb").read()
said()
for start_ in range(0, len(data), 128):
    on.line.there += data[start_ : start_ + 128]
    chip.receive(0x7FE, 1, b"x")
    run(5)
said_ = said()
during = {STATUS}
kinds = [[line["type"], line.get("frames")] for line in said_ if line["type"] in ("ack", "error", "alert")]
# the last packet is some seconds old, the bus goes on
for i in range(8):
    chip.receive(0x7FE, 1, b"x")
    run(500)
between = {STATUS}
counted = between["unwatched"] - during["unwatched"]
run(3000)
said()
chip.receive(0x7FE, 1, b"x")
run(20)
frames = [line["kind"] for line in said("alert")]
after = {STATUS}
print(json.dumps([during, after, kinds, frames, counted]))
""")
    assert during["frames"] == 0 or during["frames"] == 40
    assert during["unwatched"] == -(-len(replayed()) // 128)
    assert not [one for one in kinds if one[0] in {"error", "alert"}]
    assert kinds[-1] == ["ack", 40]
    assert counted == 8
    # the watch of the bus has begun anew
    assert frames == ["unknown-id"]
    assert (after["frames"], after["alerts"]) == (1, 1)
    assert after["unwatched"] == during["unwatched"] + 8


def test_acknowledgements_are_no_replay(play):
    (play.folder / "got.bin").write_bytes(packets.got(0, "00000000", again=True))
    said, status = play(f"""
start()
run(1100)
{UNKNOWN}
run(20)
on.line.there += open("got.bin", "rb").read()
said()
run(20)
lines = [line["type"] for line in said("kept", "alert", "error")]
{UNKNOWN}
run(20)
print(json.dumps([lines, {STATUS}]))
""")
    assert said == ["alert", "kept"]
    assert (status["frames"], status["unwatched"]) == (2, 0)


SETTINGS = f"print(json.dumps([gateway.rate, chip.mode, {CNF1}, {STATUS}['bus'], [line.get('reason') for line in answers]]))"


def test_settings_hold_at_once_and_at_boot(play):
    one = play("start()\nanswers = ()\nrun(20)\n" + SETTINGS)
    assert one[:2] == [[500000, True], LISTEN]
    two = play(
        "start()\nanswers = ask(b'set bitrate 125000', 'settings') + ask(b'set listen 0', 'settings')\n"
        + SETTINGS
    )
    assert two == [[125000, False], NORMAL, two[2], "ok", [None, None]]
    assert two[2] & 63 > one[2] & 63
    # at boot
    assert play("start()\nanswers = ()\nrun(20)\n" + SETTINGS)[:4] == two[:4]
    three = play(
        "start()\nanswers = ask(b'unset listen', 'settings') + ask(b'unset bitrate', 'settings')\n" + SETTINGS
    )
    assert three[:4] == one[:4]


def test_a_rate_that_the_chip_cannot_make_is_not_kept(play):
    said = play("start()\nanswers = ask(b'set bitrate 800000', 'settings')\n" + SETTINGS)
    assert said[:4] == [[500000, True], LISTEN, said[2], "ok"]
    assert said[4][-1] == "a crystal of 8 MHz cannot make 800000 bit/s"
    assert not list(play.folder.glob("settings*"))


def test_settings_are_kept_while_the_chip_is_silent(play):
    said = play(
        "silent(0)\nstart()\nrun(1100)\nanswers = ask(b'set bitrate 250000', 'settings')\nsilent(None)\nrun(1500)\n"
        + SETTINGS
    )
    assert said[0] == [250000, True]
    assert (said[1], said[3]) == (LISTEN, "ok")


@pytest.fixture(scope="module")
def planned():
    """A model that looks at four ids, and the bytes of its filters as the chip has them."""
    gateway = learned().gateway
    keys = [int(key) for key in gateway.fingerprint.keys[:4]]
    filters = Filters.of([(0x7FF, key) for key in keys[:2]], [(0x7FF, key) for key in keys[2:]])
    narrow = narrowed(gateway, Plan(filters, 100))
    return (
        pack(replace(learned(), gateway=narrow), {"name": "m", "data": "simulated"}),
        keys,
        int(gateway.fingerprint.keys[6]),
    )


PASSES = "chip.receive({other}, 8, bytes(8)), [chip.receive(key, 8, bytes(8)) is not None for key in {keys}]"


def test_filters_of_a_plan_are_the_chips(play, planned):
    packed, keys, other = planned
    cbm.write(play.folder / "model.cbm", packed)
    passes = f"[[{PASSES.format(other=other, keys=keys)}]]"
    said = play(f"""
start()
run(20)
out = {passes}
run(20)
ask(b"set bitrate 250000", "settings")
out += {passes}
run(20)
# slcan opens with another rate, and closes
on.log["written"] = b""
for text in (b"S4\\r", b"O\\r"):
    on.line.there += text
    run(20)
opened = list(on.log["written"])
rate = [gateway.rate, {CNF1}]
out += {passes}
run(20)
on.log["written"] = b""
on.line.there += b"C\\r"
run(20)
rate += [gateway.rate, {CNF1}]
out += {passes}
run(20)
silent(0)
run(2200)
silent(None)
run(1200)
out += {passes}
print(json.dumps([out, bytes(opened).decode(), rate]))
""")
    out, opened, rate = said
    assert len(out) == 5
    for kept_away, passed in out:
        assert kept_away is None
        assert all(passed)
    assert opened.count("\r") == 2
    assert "\a" not in opened
    assert rate[0] == [125000, True]
    assert rate[2] == [250000, True]
    assert rate[1] != rate[3]


def test_a_chip_that_comes_back_while_slcan_is_open_has_its_rate(play):
    said = play(f"""
start()
run(1100)
for text in (b"S4\\r", b"O\\r"):
    on.line.there += text
    run(20)
one = {CNF1}
silent(0)
run(2500)
silent(None)
chip.reset()
run(1500)
two = {CNF1}
silent(0)
on.line.there += b"C\\r"
run(50)
silent(None)
run(2500)
on.log["written"] = b""
print(json.dumps([one == two, gateway.rate, chip.mode, {STATUS}["bus"]]))
""")
    assert said == [True, [500000, True], LISTEN, "ok"]


def test_the_watchdog_is_fed_in_long_commands(play):
    fed, frames, parts = play("""
start()
run(20)
before = on.log["fed"]
turn = gateway.turn
# only what the command itself feeds
found = []
def run_(app, words):
    pass
from commands import bench
run_ = bench.run
gateway.lines.send = lambda kind, pairs=(): found.append(dict(pairs).get("part"))
bench.ticks_us = lambda: time.ticks_us() * 0 + time.now * 1000
class Passing:
    def receive(self, ring, clock):
        time.now += 10
        return 0
real_bus, gateway.bus = gateway.bus, Passing()
run_(gateway, ["160"])
gateway.bus = real_bus
print(json.dumps([on.log["fed"] - before, 160, found]))
""")
    # before every sixteen frames of every part
    assert fed >= (len(parts) - 3) * (frames // 16)
    assert "all" in parts


def test_a_watchdog_bites_where_turns_fail(play):
    fed, errors = play("""
start()
run(50)
before = on.log["fed"]
count = 0
def fails():
    global count
    count += 1
    if count == 50:
        raise EOFError
    raise OSError("the driver stumbles")
gateway.console.turn = fails
gateway.console.run()
print(json.dumps([on.log["fed"] - before, gateway.console.errors]))
""")
    assert (fed, errors) == (0, 49)


def test_ticks_wrap_while_the_bus_is_silent(play):
    """Frames get their time from a clock that is read all the same."""
    said = play(f"""
start()
chip.receive(0x7FE, 1, b"x")
run(20)
said()
# ticks wrap at 2**30 us, 1,074 s; 3,000 s of silence
run(3000000, 100)
said()
chip.receive(0x7FE, 1, b"x")
run(20)
times = [gateway.clock.s]
print(json.dumps([times, time.now, {STATUS}]))
""")
    times, now, status = said
    assert status["uptime_s"] == pytest.approx(now / 1000, abs=1)
    assert status["bus"] == "ok"
    assert times[0] == pytest.approx(now / 1000, abs=1)


def test_a_bus_that_cannot_be_opened_leaves_the_line(play):
    hello, reason, status = play(f"""
from boards import wemos_d1_mini as board
def fails():
    raise ValueError("no such pin")
board.open_bus = fails
start()
run(50)
lines = said()
print(json.dumps([[line["golden"] for line in lines if line["type"] == "hello"], [line["reason"] for line in lines if line["type"] == "error"], {STATUS}]))
""")
    assert hello == ["failed"]
    assert reason == ["no such pin"]
    assert (status["bus"], status["frames"]) == (None, 0)
