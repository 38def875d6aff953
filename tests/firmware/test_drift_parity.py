"""Clocks three times: numpy on the host, the firmware on CPython, the firmware on MicroPython; and in a whole watch."""

import base64
import io
import json
import struct
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board.firmware import module
from canbean.can import simulate
from canbean.cli.alarms import line_of
from canbean.detect.detectors import clock
from canbean.detect.gateway import Gateway
from canbean.detect.learn import learn
from canbean.detect.model import pack
from canbean.detect.replay import replay
from detector_cases import board_rows, expected, traffic_of
from drift_cases import ON_BOARD, random_beats, random_clock
from parity_cases import frame_records
from sender_cases import masquerade

IMPORTS = "from array import array\nfrom canbean.bus import elapsed\nfrom canbean.drift import Detector\n"


def on_cpython(*arguments):
    space = {"Detector": module("drift").Detector, "elapsed": module("bus").elapsed, "array": array}
    exec(ON_BOARD, space)
    return space["run"](*arguments)


def drawn(seed, m=500):
    rng = np.random.default_rng(seed)
    traffic, sleep_us, periods = random_beats(rng, m)
    return random_clock(rng, len(traffic.keys), periods), traffic, sleep_us


def rows_for(traffic):
    return [row[:4] for row in board_rows(traffic)]


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_host_and_firmware_judge_alike(seed):
    detector, traffic, sleep_us = drawn(seed)
    said = on_cpython(detector.to_bytes(), traffic.keys.tolist(), sleep_us, rows_for(traffic))
    assert list(said) == expected(detector, traffic)


def test_next_to_no_traffic_is_judged_too():
    detector, traffic, sleep_us = drawn(3)
    for count in (1, 2, 3, 33):
        few = traffic_of(traffic.frames[:count], traffic.keys, sleep_us)
        said = on_cpython(detector.to_bytes(), traffic.keys.tolist(), sleep_us, rows_for(few))
        assert list(said) == expected(detector, few)
    assert not len(detector.judge(traffic_of(traffic.frames[:0], traffic.keys, sleep_us)).at)


def test_micropython_judges_alike(vm, tmp_path):
    cases, answers = [], []
    for seed in range(30):
        detector, traffic, sleep_us = drawn(seed, 400)
        content = base64.b64encode(detector.to_bytes()).decode()
        cases.append([content, traffic.keys.tolist(), sleep_us, rows_for(traffic)])
        answers.append(expected(detector, traffic))
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    code = (
        IMPORTS
        + ON_BOARD
        + """
import json
from binascii import a2b_base64
for section, keys, sleep_us, rows in json.load(open("cases.json")):
    print(json.dumps(run(a2b_base64(section), keys, sleep_us, rows)))
"""
    )
    said = [json.loads(line) for line in vm.run(code, heap="64M", cwd=tmp_path).splitlines()]
    assert said == answers
    assert sum(bits > 0 for _, out in answers for _, bits, _, _ in out) > 100


def extreme(frames=30):
    """A clock with all numbers at their limits, and traffic that drives its sums there."""
    worst = {"tolerance_us": 15_000, "frames": frames, "slack_us": 0, "worth": clock.WORTH_MOST}
    detector, _, _ = drawn(5)
    table = detector.table._replace(
        row=np.array([0]),
        period_us=np.array([clock.PERIOD_MOST_US]),
        fraction=np.array([255]),
        **{name: np.array([value]) for name, value in worst.items()},
    )
    detector = clock.Clock(detector.gate, clock.Level(0, 0, 64), 1, table)
    gap = np.repeat(clock.PERIOD_MOST_US + np.array([15_000, -15_000, 2900]), [400, 400, 400 + 12 * frames])
    return detector, np.cumsum(gap)


@pytest.mark.parametrize("limits", [False, True])
def test_nothing_is_allocated_a_frame(limits, vm32):
    """On a VM with 31-bit small integers: a big integer would show."""
    if limits:
        detector, t_us = extreme()
        one = simulate.drive(1, 1)[:1]
        table = one[np.zeros(len(t_us), np.int64)].changed(t_us=t_us, id=np.zeros(len(t_us), np.uint32))
        traffic = traffic_of(table, np.zeros(1, np.uint32), 1_000_000_000)
    else:
        detector, traffic, _ = drawn(2, 2000)
    rows = [row for row in rows_for(traffic) if row[0] < 1 << 30]
    gaps = np.diff([s * 1_000_000 + us for s, us, _, _ in rows], prepend=-1).clip(-1, 1_000_000_000).tolist()
    code = (
        IMPORTS
        + ON_BOARD
        + f"""
import gc
gc.disable()
known = Bus({traffic.keys.tolist()!r}, 1000000000)
detector = Detector(Section({detector.to_bytes()!r}), known)
rows = {rows!r}
gaps = {gaps!r}
for i in range(len(rows)):
    known.frame(*rows[i][:3])
    slot = rows[i][2]
    gaps[i] = known.now[32 + 2 * known.n + 3 * slot + 2] if slot < known.n else -1
def play():
    judged = i = 0
    for s, us, slot, code in rows:
        if slot < known.n:
            known.now[32 + 2 * known.n + 3 * slot + 2] = gaps[i]
        i += 1
        if step(detector, known, s, us, slot, code, None) >= 0:
            judged += 1
    return judged
play()
before = gc.mem_alloc()
judged = play()
print(gc.mem_alloc() - before, judged)
"""
    )
    grown, judged = map(int, vm32(code).split())
    assert judged > 3
    assert grown <= 64  # the call itself and the loop, not the frames


@pytest.mark.parametrize("frames", [1, 30])
def test_numbers_at_their_limits_are_the_same(frames):
    detector, t_us = extreme(frames)
    one = simulate.drive(1, 1)[:1]
    table = one[np.zeros(len(t_us), np.int64)].changed(t_us=t_us, id=np.zeros(len(t_us), np.uint32))
    traffic = traffic_of(table, np.zeros(1, np.uint32), 1_000_000_000)
    answer = expected(detector, traffic)
    assert list(on_cpython(detector.to_bytes(), [0], 1_000_000_000, rows_for(traffic))) == answer
    assert frames > 1 or max(bits for _, bits, _, _ in answer[1]) == 1024


def test_a_section_of_another_length_or_bus_is_refused():
    detector, traffic, sleep_us = drawn(7)
    content, keys = detector.to_bytes(), traffic.keys.tolist()
    for wrong in (content[:-4], content + bytes(4), content[:20], b""):
        with pytest.raises((ValueError, struct.error)):
            on_cpython(wrong, keys, sleep_us, [])
    with pytest.raises(ValueError, match="does not hold"):
        on_cpython(content, [*keys, 1 << 28], sleep_us, [])


def test_a_whole_watch_raises_the_alerts_of_the_host():
    learned = learn([simulate.drive(60, 3)])
    detector = clock.learn(learned.clean)
    gateway = Gateway(learned.fingerprint, None, {"clock": detector})
    drive = masquerade(simulate.drive(40, 8), 0xB6, 300, start_s=10, length_s=20)
    alerts = replay(gateway, drive).alerts
    assert any(alert.detector == "clock" for alert in alerts)
    sections = pack(learned, {"name": "x", "data": "simulated"}).sections | {"CLCK": detector.to_bytes()}
    kept = []

    class Model:
        def __init__(self):
            self.sections = sections

        def size(self, tag):
            return len(sections[tag])

        def part(self, tag, start, length):
            return sections[tag][start : start + length]

        def into(self, tag, start, view):
            file = io.BytesIO(sections[tag])
            file.seek(start)
            file.readinto(view)

    class Lines:
        def alert(self, make, what):
            kept.append(f'{{"type":"alert",{module("lines").body(make(*what))}}}')

    sections.pop("CHKS", None)
    watch = module("watch").Watch(Model(), Lines())
    base, records = frame_records(drive)
    watch.reset(base)
    for at in range(0, len(records), 19):
        watch.frame(records, at)
    assert kept == [line_of(alert).decode().rstrip("\n") for alert in alerts]
